"""What the page says, in Chinese and English."""

from __future__ import annotations

from collections.abc import Mapping

LANGUAGES = ("zh", "en")

_TABLE: dict[str, tuple[str, str]] = {
    "title": ("审校", "Review"),
    "queue": ("逐条", "Queue"),
    "page": ("全文", "Page"),
    "summary": ("汇总", "Summary"),
    "dictionary": ("词典", "Dictionary"),
    "learn_hint": (
        "由已有决定得出的词典条目。勾选的写入项目词典 {folder}，下一批就少问这些。",
        "What the decisions teach. Lines that are ticked go into {folder}, so that the next batch asks less.",
    ),
    "learn_nothing": ("目前的决定还得不出新条目。", "The decisions so far teach nothing new."),
    "no_lexicon": (
        "没有词典文件夹：用 --lexicon DIR 启动，或在 pyproject.toml 的 [tool.repair] 写 lexicon。",
        "There is no dictionary folder: start with --lexicon DIR, or name one in [tool.repair] of pyproject.toml.",
    ),
    "learnt": ("写入 {n} 条：{files}", "{n} lines written: {files}"),
    "confirm": ("写入词典", "Write to the dictionary"),
    "tick_all": ("默认全部勾选；不对的请去掉。", "All are ticked; untick what is wrong."),
    "trust.txt": ("原样正确的词（trust.txt）", "Words that are right as they stand (trust.txt)"),
    "never.txt": ("不许改动的词（never.txt）", "Words that nothing may touch (never.txt)"),
    "replace.txt": ("一律替换（replace.txt）", "Forced replacements (replace.txt)"),
    "confusions.txt": ("易混字（confusions.txt）", "Characters misread for others (confusions.txt)"),
    "calibration.txt": ("规则把握的校正（calibration.txt）", "How sure rules are here (calibration.txt)"),
    "for_against": ("接受 {a} · 改写 {e} · 拒绝 {r}", "accepted {a} · edited {e} · rejected {r}"),
    "other_language": ("English", "中文"),
    "serif": ("宋体", "Serif"),
    "sans": ("黑体", "Sans"),
    "reviewer": ("审校人", "Reviewer"),
    "change_name": ("换名字", "Change"),
    "write": ("写入日志", "Write to the logs"),
    "no_export": ("这里不能写入日志", "Writing to the logs is not set up here"),
    "help": ("按键", "Keys"),
    "close": ("关闭", "Close"),
    "decided_of": ("已决定 {done} / {all}", "{done} of {all} decided"),
    "left_here": ("此列表剩 {n} 条", "{n} left in this list"),
    "rate": ("每小时约 {n} 条", "about {n} an hour"),
    "state": ("状态", "State"),
    "rule": ("规则", "Rule"),
    "document": ("文档", "Document"),
    "level": ("级别", "Level"),
    "sort": ("排序", "Order"),
    "search": ("搜索", "Search"),
    "find": ("查找", "Find"),
    "any": ("全部", "all"),
    "todo": ("待决定", "to decide"),
    "open": ("未定", "open"),
    "conflict": ("有分歧", "conflict"),
    "accepted": ("已接受", "accepted"),
    "rejected": ("已拒绝", "rejected"),
    "edited": ("已改写", "edited"),
    "applied": ("自动改", "applied"),
    "decided": ("已决定", "decided"),
    "safe": ("可靠", "safe"),
    "review": ("待审", "review"),
    "note": ("仅标出", "note"),
    "by_confidence": ("把握大的在前", "surest first"),
    "by_doubt": ("把握小的在前", "least sure first"),
    "by_rule": ("按规则", "by rule"),
    "by_document": ("按原文顺序", "in reading order"),
    "by_effect": ("改动大的在前", "largest first"),
    "accept": ("接受", "Accept"),
    "reject": ("拒绝", "Reject"),
    "edit": ("改写", "Edit"),
    "save": ("保存", "Save"),
    "next_choice": ("下一个候选", "next alternative"),
    "choose": ("选候选", "choose alternative"),
    "skip": ("跳过", "Skip"),
    "back": ("上一条", "Back"),
    "undo": ("撤销", "Undo"),
    "accept_alike": ("全部接受", "Accept all alike"),
    "reject_alike": ("全部拒绝", "Reject all alike"),
    "page_key": ("全文 / 逐条", "page / queue"),
    "key_esc": ("离开输入", "leave a field"),
    "open_item": ("在队列中打开", "open in the queue"),
    "choices": ("候选", "Alternatives"),
    "as_read": ("原文", "as read"),
    "nothing": ("（删去）", "(nothing)"),
    "empty": ("（空）", "(empty)"),
    "confidence": ("把握", "Confidence"),
    "reason": ("理由", "Reason"),
    "place": ("第 {line} 行第 {column} 字", "line {line}, column {column}"),
    "alike": ("同样的改动", "Alike"),
    "alike_count": ("另有 {n} 处，其中 {open} 处未定", "{n} more, {open} of them open"),
    "scan": ("扫描图", "Scan"),
    "scan_alt": ("原页扫描图，框内是此处", "The scan of the page with this place framed"),
    "scan_missing": ("扫描图无法显示", "The scan cannot be shown"),
    "said": ("各人意见", "Who said what"),
    "conflict_hint": (
        "意见不一。再作一次决定即为定论。",
        "Reviewers disagree. Your decision now settles it.",
    ),
    "up_next": ("接下来", "Up next"),
    "all_done": ("这里没有要决定的了。", "Nothing left to decide here."),
    "to_summary": ("看汇总", "See the summary"),
    "clear_filters": ("清除筛选", "Clear the filters"),
    "no_text": (
        "没有找到原文，只能显示改动本身。",
        "The text was not found; only the corrections themselves are shown.",
    ),
    "flag_hint": (
        "这里只标出可疑之处，没有建议：请选候选、改写，或拒绝（保留原文）。",
        "Only marked as odd, nothing is proposed: choose, edit, or reject (keeps what was read).",
    ),
    "edit_hint": (
        "⏎ 表示换行，\\u 加四位码表示看不见的字符；留空即删去",
        "⏎ is a line break, \\u and four digits an invisible character; empty deletes",
    ),
    "did_accept": ("已接受", "Accepted"),
    "did_reject": ("已拒绝", "Rejected"),
    "did_edit": ("已改为", "Changed to"),
    "did_alike_accept": ("已接受 {n} 处", "{n} accepted"),
    "did_alike_reject": ("已拒绝 {n} 处", "{n} rejected"),
    "did_undo": ("已撤销 {n} 个决定", "{n} decisions taken back"),
    "no_undo": ("没有可撤销的决定", "Nothing to take back"),
    "nothing_proposed": ("这里没有建议可接受", "Nothing is proposed here"),
    "no_choice": ("没有这个候选", "There is no such alternative"),
    "no_item": ("没有这一条", "There is no such correction"),
    "bad_request": ("请求有误", "The request makes no sense"),
    "failed": ("没有保存", "Not saved"),
    "offline": ("服务器没有回应；决定没有保存", "The server does not answer; the decision was not saved"),
    "part_of": ("第 {k} / {n} 部分", "part {k} of {n}"),
    "lines": ("第 {a}–{b} 行", "lines {a}–{b}"),
    "previous_part": ("上一部分", "Previous part"),
    "next_part": ("下一部分", "Next part"),
    "go": ("打开", "Open"),
    "corrections": ("处改动", "corrections"),
    "legend": ("图例", "Legend"),
    "select_piece": ("点一处改动，或按 → 看下一处未定的", "Click a correction, or press → for the next open one"),
    "next_open": ("下一处未定", "next open one"),
    "next_piece": ("下一处 / 上一处", "next / previous one"),
    "by_rule_title": ("各规则", "By rule"),
    "by_confidence_title": ("按把握", "By confidence"),
    "calibration": ("把握说得准吗？", "Is the confidence true?"),
    "calibration_hint": (
        "横轴：工具说的把握。纵轴：人接受的比例，竖线为 95 % Wilson 区间。"
        "落在虚线上就是说得准。改写算不对，仅标出的不算。",
        "Across: the confidence stated. Up: the share that people accepted, with 95 % Wilson intervals. "
        "On the dashed line it is true. Edited counts as wrong; mere marks are left out.",
    ),
    "calibration_empty": ("还没有决定", "No decisions yet"),
    "stated": ("工具说的", "stated"),
    "observed": ("人接受的", "accepted by people"),
    "interval": ("95 % 区间", "95 % interval"),
    "count": ("条数", "count"),
    "table": ("表格", "Table"),
    "share_accepted": ("接受比例", "share accepted"),
    "reviewers": ("审校人", "Reviewers"),
    "nobody": ("还没有人作决定", "Nobody has decided yet"),
    "conflicts": ("分歧", "Conflicts"),
    "no_conflicts": ("没有分歧", "No conflicts"),
    "forbidden": ("没有权限", "Not allowed"),
    "forbidden_hint": (
        "请用终端里显示的带 token 的地址打开。",
        "Open the address with the token that is shown in the terminal.",
    ),
    "name_hint": ("你的名字", "your name"),
}


def words(language: str) -> Mapping[str, str]:
    """The table in one of `LANGUAGES`."""
    column = LANGUAGES.index(language)
    return {key: both[column] for key, both in _TABLE.items()}


def preferred(accept_language: str) -> str:
    """Which of `LANGUAGES` a browser's Accept-Language asks for; Chinese where it names neither."""
    best, weight = "zh", 0.0
    for part in accept_language.lower().split(",")[:20]:
        tag, _, rest = part.strip().partition(";")
        try:
            q = float(rest.strip().removeprefix("q=")) if rest else 1.0
        except ValueError:
            q = 0.0
        language = tag.split("-")[0]
        if language in LANGUAGES and q > weight:
            best, weight = language, q
    return best


_RULES = {
    "lexicon": "自定词典", "encoding": "编码", "running-head": "页眉", "page-number": "页码", "witness": "另一读本",
    "witness-both": "两读皆误", "witness-mark": "另一读本：标点", "witness-missing": "另一读本：漏字",
    "witness-line": "另一读本：漏行", "witness-speck": "另一读本：污点", "witness-edge": "另一读本：页边",
    "space": "空格", "repetition": "重复", "furniture": "页面杂项", "stray-word": "混入的英文词",
    "mark-width": "全角半角",
    "misread": "误认字", "misread-mark": "误认标点", "dropped-mark": "漏标点", "speck": "污点", "broken-join": "断行",
    "script": "繁简", "unbalanced": "标点不成对", "quote-style": "引号", "typography": "排版",
}  # fmt: skip


def rule_name(rule: str, language: str) -> str:
    """What a rule is called for people: its own name, in Chinese after what it is about."""
    return f"{_RULES[rule]} {rule}" if language == "zh" and rule in _RULES else rule
