"""A rule of counting in sentences for people, Chinese with English beside: printed with the figures that it made."""

from __future__ import annotations

from dataclasses import asdict

from admin.statistics.rules import Rule

_TEXT = """\
计数规则第 {version} 版，自 {day} 起执行，按 Asia/Shanghai 日期
counting rule {version}, from {day} on, by days of Asia/Shanghai
解析量：外部请求得到本节点的最终应答，每个标识计一次；有效解析量只计命中
a resolution: an external request that got our final answer, once for each identifier; valid: what was found
去重解析量：同一客户端对同一标识在 {deduplication_seconds} 秒内只计一次，每日重新开始
de-duplicated: a client and an identifier once in {deduplication_seconds} s, each day by itself
日均解析量：此前 30 个整日有效解析量之和除以 30，无数据之日计 0 并列出
daily mean: valid resolutions of the 30 whole days before, divided by 30; days without data count 0, listed
注册量：现存标识数；年度新增按首次注册计，删除后再注册不重复计
registrations: identifiers that stand; new in a year: registered for the first time ever
不计数的来源：{never}
never counted: {never}
异常标记只标记、不剔除，与有效解析量并列
flags are shown beside the valid resolutions and never subtracted from them
标记：当日有效解析满 {least} 次后，单一来源网络超过 {source_share:.0%}
flagged: one source network above {source_share:.0%} of a day of at least {least} valid resolutions
标记：一个客户端连号遍历 {walk_steps} 个标识
flagged: one client walks over {walk_steps} identifiers in their order
标记：一个客户端一小时 {metronome_resolutions} 次以上，间隔的变异系数低于 {metronome_variation:g}
flagged: {metronome_resolutions} an hour of a client at distances that vary by less than {metronome_variation:g}
标记：前缀下 {concentration_identifiers:.0%} 的标识占其解析量 {concentration_share:.0%} 以上
flagged: {concentration_identifiers:.0%} of a prefix's identifiers have {concentration_share:.0%} of its resolutions
标记：一个前缀一分钟 {burst_per_minute} 次以上，来源网络不超过 {burst_sources} 个
flagged: {burst_per_minute} of a prefix in a minute from at most {burst_sources} source networks
标记：企业解析自有标识；已知爬虫
flagged: an enterprise resolving its own identifiers; known bots
"""


def rule_text(rule: Rule) -> tuple[str, ...]:
    """One sentence a line."""
    never = ", ".join(rule.definition["never"]) or "—"
    text = _TEXT.format(version=rule.version, day=rule.effective_day, never=never, **asdict(rule.digest))
    lines = text.splitlines()
    return tuple(f"{chinese} · {english}" for chinese, english in zip(lines[::2], lines[1::2], strict=True))
