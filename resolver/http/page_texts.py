"""What the pages say, in both languages."""

from __future__ import annotations

from collections.abc import Mapping

CHINESE: dict[str, str] = {
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
    "prefix": "前缀",
    "own_values": "Handle 系统数据",
    "alias_of": "查询的标识 {asked} 是该标识的别名。",
    "refers": "引用",
    "permissions": "权限：",
    "all_permissions": "全部权限",
    "none": "无",
    "primary_site": "主站点",
    "mirror_site": "镜像站点",
    "serial": "序号",
    "protocol": "协议版本",
    "server": "服务器",
    "queries": "解析",
    "administration": "管理",
    "and": "、",
    "purposes": "（{purposes}）",
    "key": "{algorithm} 公钥，{bits} 位",
}

ENGLISH: dict[str, str] = {
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
    "prefix": "Prefix",
    "own_values": "Handle System data",
    "alias_of": "{asked}, which was asked for, is an alias of this identifier.",
    "refers": "refers to",
    "permissions": "Permissions: ",
    "all_permissions": "all",
    "none": "none",
    "primary_site": "primary site",
    "mirror_site": "mirror site",
    "serial": "serial",
    "protocol": "protocol",
    "server": "Server",
    "queries": "queries",
    "administration": "administration",
    "and": ", ",
    "purposes": " ({purposes})",
    "key": "{algorithm} public key, {bits} bits",
}

# The Handle System's own types (folded) and the permissions of an HS_ADMIN by their names.
TYPES_ZH: Mapping[str, str] = {
    "HS_ADMIN": "管理员",
    "HS_VLIST": "成员列表",
    "HS_ALIAS": "别名，指向",
    "HS_SITE": "服务站点",
    "HS_SITE.6": "服务站点（IPv6）",
    "HS_SITE.PREFIX": "下级前缀的服务站点",
    "HS_NA_DELEGATE": "下级前缀的服务站点",
    "HS_SERV": "服务标识",
    "HS_SERV.PREFIX": "下级前缀的服务标识",
    "HS_PUBKEY": "公钥",
    "HS_SIGNATURE": "签名",
    "HS_CERT": "证书",
    "HS_NAMESPACE": "命名空间说明",
}

TYPES_EN: Mapping[str, str] = {
    "HS_ADMIN": "Administrator",
    "HS_VLIST": "Group",
    "HS_ALIAS": "Alias of",
    "HS_SITE": "Site",
    "HS_SITE.6": "Site (IPv6)",
    "HS_SITE.PREFIX": "Site of derived prefixes",
    "HS_NA_DELEGATE": "Site of derived prefixes",
    "HS_SERV": "Service",
    "HS_SERV.PREFIX": "Service of derived prefixes",
    "HS_PUBKEY": "Public key",
    "HS_SIGNATURE": "Signature",
    "HS_CERT": "Certificate",
    "HS_NAMESPACE": "Namespace",
}

PERMISSIONS_ZH: Mapping[str, str] = {
    "add_handle": "注册标识",
    "delete_handle": "注销标识",
    "add_derived_prefix": "分配下级前缀",
    "delete_derived_prefix": "收回下级前缀",
    "modify_value": "修改标识值",
    "remove_value": "删除标识值",
    "add_value": "增加标识值",
    "modify_admin": "修改管理员",
    "remove_admin": "删除管理员",
    "add_admin": "增加管理员",
    "read_value": "读取标识值",
    "list_handles": "列出标识",
}

# By the code of the error: heading and advice.
REFUSALS_ZH: Mapping[str, tuple[str, str]] = {
    "never_registered": ("标识不存在", "该标识没有注册，或者已经注销。请核对包装或铭牌上的每一个字符。"),
    "no_public_values": ("没有公开数据", "该标识已注册，但没有向公众开放的数据。"),
    "prefix_suspended": ("标识所属前缀已停用", "该标识所属的企业前缀目前停用，因此不提供解析。"),
    "not_responsible": ("前缀不由本节点管理", "请到该前缀所属的节点查询，或核对标识的前缀。"),
    "referred": ("由其他服务解析", "该前缀的标识由其他节点的服务解析，本节点没有其数据。"),
    "alias_aimless": ("别名没有可解析的目标", "该标识是另一标识的别名，但别名首尾相接、层次过多，或指向的不是标识。"),
    "record_damaged": ("数据已损坏", "该标识的数据在本节点已损坏，管理员可由备份恢复。"),
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
    "referred": (
        "Resolved by another service",
        "Identifiers of this prefix are resolved by another node's service; this node does not have their data.",
    ),
    "alias_aimless": (
        "The alias leads nowhere",
        "This identifier is an alias, but its aliases lead in a circle, too far, or to what is no identifier.",
    ),
    "record_damaged": (
        "Damaged data",
        "What this node has stored for the identifier is damaged. Its administrators can restore it from a backup.",
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
