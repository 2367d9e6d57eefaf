"""What the pages say, in both languages."""

from __future__ import annotations

from collections.abc import Mapping

CHINESE: Mapping[str, str] = {
    "site": "工业互联网标识解析",
    "node": "二级节点",
    "laboratory": "实验数据",
    "laboratory_why": "本节点为实验环境，页面内容不代表真实的企业或产品。",
    "registered_by": "注册企业",
    "under_review": "（企业信息变更审核中）",
    "identifier": "标识",
    "template": "数据模板",
    "details": "标识数据",
    "registered": "注册时间",
    "changed": "变更时间",
    "zone": "北京时间",
    "record": "查看原始数据（JSON）",
    "other_language": "English",
    "stale": "数据库暂时不可用，以下为 {minutes} 分钟前确认过的数据。",
    "binary": "（二进制数据，{bytes} 字节）",
    "file": "下载文件",
    "claimed": "以上内容由注册企业提供。",
}

ENGLISH: Mapping[str, str] = {
    "site": "Industrial internet identifier resolution",
    "node": "Secondary node",
    "laboratory": "实验数据 Laboratory data",
    "laboratory_why": "This is a laboratory node: nothing here describes a real enterprise or product.",
    "registered_by": "Registered by",
    "under_review": "(name under review)",
    "identifier": "Identifier",
    "template": "Template",
    "details": "Data",
    "registered": "Registered",
    "changed": "Changed",
    "zone": "Beijing time",
    "record": "Raw record (JSON)",
    "other_language": "中文",
    "stale": "The database is away; this is what was known to be right {minutes} minutes ago.",
    "binary": "(binary data, {bytes} bytes)",
    "file": "Download file",
    "claimed": "The contents are provided by the enterprise that registered them.",
}

# By the code of the error: heading and advice.
REFUSALS_ZH: Mapping[str, tuple[str, str]] = {
    "never_registered": ("标识不存在", "该标识没有注册，或者已经注销。请核对包装或铭牌上的每一个字符。"),
    "no_public_values": ("没有公开数据", "该标识已注册，但没有向公众开放的数据。"),
    "prefix_suspended": ("标识所属前缀已停用", "该标识所属的企业前缀目前停用，因此不提供解析。"),
    "not_responsible": ("前缀不由本节点管理", "请到该前缀所属的节点查询，或核对标识的前缀。"),
    "invalid_identifier": ("标识写法有误", "标识由前缀、斜线和后缀组成，例如 88.101.1/ABC-001。"),
    "invalid_prefix": ("标识写法有误", "前缀以 86 或 88 开头，例如 88.101.1/ABC-001。"),
    "invalid_suffix": ("标识写法有误", "后缀含有不允许的字符，请核对包装或铭牌上的每一个字符。"),
    "invalid_query": ("查询参数有误", "请去掉网址中问号后面的部分再试。"),
    "resolver_away": ("解析暂时不可用", "这不表示标识不存在。请稍后再试。"),
    "internal": ("内部错误", "本节点出现故障，请稍后再试。"),
}

REFUSALS_EN: Mapping[str, tuple[str, str]] = {
    "never_registered": (
        "No such identifier",
        "It was never registered, or it has been withdrawn. Please compare every character with the label.",
    ),
    "no_public_values": ("No public data", "The identifier is registered, but none of its data is public."),
    "prefix_suspended": (
        "The prefix of this identifier is suspended",
        "The enterprise's prefix is suspended at present, so its identifiers are not resolved.",
    ),
    "not_responsible": (
        "This node does not manage that prefix",
        "Please ask the node to which the prefix belongs, or check the prefix.",
    ),
    "invalid_identifier": (
        "Not an identifier",
        "An identifier is a prefix, a slash and a suffix, for example 88.101.1/ABC-001.",
    ),
    "invalid_prefix": ("Not an identifier", "A prefix begins with 86 or 88, for example 88.101.1/ABC-001."),
    "invalid_suffix": (
        "Not an identifier",
        "The suffix holds a character that is not allowed. Please compare every character with the label.",
    ),
    "invalid_query": ("Query not understood", "Please remove what follows the question mark in the address."),
    "resolver_away": (
        "Resolution is unavailable for the moment",
        "This does not mean that the identifier does not exist. Please try again soon.",
    ),
    "internal": ("Internal error", "This node has failed. Please try again later."),
}
