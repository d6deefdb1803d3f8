"""The reasons of corrections in Chinese. Logs hold them in English; what is not known here stays as it is."""

from __future__ import annotations

import re
from collections.abc import Mapping

LONGEST, MOST = 200, 2000
"""Characters of one reason, and of several joined, that are looked at; those of the engine are shorter."""

_RULE = re.compile("[a-z]+(?:-[a-z]+)*")

_FIXED: Mapping[str, str] = {
    "line break inside a sentence": "句中断行",
    "line break inside a paragraph": "段中断行",
    "paragraph break inside a sentence": "句中分段",
    "paragraph break inside a paragraph": "段中空行",
    "page break inside a sentence": "句中断页",
    "page break inside a paragraph": "段中断页",
    "a word hyphenated at the end of a line": "行末用连字符断开的词",
    "a running head at the top of a scanned page": "扫描页顶的书眉",
    "a running head at the foot of a scanned page": "扫描页底的书眉",
    "a page number at the top of a scanned page": "扫描页顶的页码",
    "a page number at the foot of a scanned page": "扫描页底的页码",
    "a blank inside Chinese text": "中文之间的空格",
    "a blank beside a full-width mark": "全角标点旁的空格",
    "a doubled blank between words": "词间多余的空格",
    "a radical in place of the character": "以部首代字",
    "a compatibility ideograph": "兼容汉字",
    "a soft hyphen": "软连字符",
    "an invisible character": "不可见字符",
    "what stood here was lost in an earlier conversion": "此处文字在早先转换时已丢失",
    "a private-use character: meaning unknown": "私用区字符，含义不明",
    "full width in a half-width text": "半角文本中的全角字符",
    "a tone mark in place of the dot in a name": "以声调符代替人名中的间隔号",
    "a small form of punctuation": "小号标点",
    "a small or vertical form of punctuation": "小号或竖排标点",
    "continued on another page": "转版说明",
    "page furniture": "版面附件",
    "a source note without its article": "没有正文的来源说明",
    "a column label and a source note without their article": "没有正文的栏目名和来源说明",
    "a column label": "栏目名",
    "a page number": "页码",
    "a running title": "书名或栏目标题",
    "a character of the other script that does not fit: perhaps misread": "繁简不一且不合文意，或为误认",
    "a character of the other script, perhaps misread": "繁简不一，或为误认",
    "a character of the other script": "繁简不一",
    "a name or a quotation may keep its script": "人名或引文可保留原字形",
    "repeated in a loop": "循环重复",
    "a paragraph that was printed before": "前面已有的段落",
    "a pull quote that the next paragraph holds as well": "下段已有的摘引",
    "the two marks of a pair differ": "一对引号前后不一",
    "an ellipsis": "省略号",
    "a dash": "破折号",
    "curly quotation marks": "弯引号",
    "forced by the user's lexicon": "用户词表要求",
    "the abbreviation ends here": "简称到此为止",
    "years of a life or a term": "生卒或任职年份",
    "a note that fills its line": "独占一行的注",
    "the label ends here": "标签到此为止",
    "the title ends before the punctuation": "题名止于标点之前",
    "the narrator goes on here": "此处转回叙述",
    "the speech ends with the paragraph": "引语止于段末",
    "the end of the speech is uncertain": "引语止处不明",
    "a source note after the end of the sentence": "句末的来源说明",
    "the best of the places in the clause": "分句中最合适的位置",
    "beside bytes that are no text": "紧邻无法解码的字节",
    "the text could not be written": "无法写回文件",
}

_GAIN = r"(?: \(log10 likelihood ([+-][\d.]+)\))?"
_PATTERNS = tuple(
    (re.compile(pattern, re.DOTALL), chinese)
    for pattern, chinese in (
        (rf"(.+) does not fit here, (.*) does{_GAIN}", "“{0}”不合上下文，“{1}”合适{2}"),
        (rf"(.+) seems to be missing{_GAIN}", "似漏“{0}”{1}"),
        (rf"nothing stands behind (.+?){_GAIN}", "“{0}”似非文字{1}"),
        (r"(.+) makes no sense here; no single repair stands out", "“{0}”不通，尚无明显的改法"),
        (r"(\S+) has no code for it", "{0} 编码无此字"),
        (r"(.+) has no (.+?): (.+)", "{0} 缺少对应的 {1}：{2}"),
        (r"(.+) has no (.+)", "{0} 缺少对应的 {1}"),
        (r"(.+) is turned the wrong way", "{0} 方向相反"),
        (r"the document writes (.+)", "全文用 {0}"),
        (r"printed (.+), as the page is otherwise", "原书应为 {0}，与本页一致"),
        (r"one edit from (.+), which the lexicon trusts", "与词表中的“{0}”只差一处"),
        (r"English '(.+)' between Chinese", "中文之间的英文 {0}"),
        (r"a line (\d+) times in a row", "同一行连续出现 {0} 次"),
        (r"(.+) (\d+) times in a row", "“{0}”连续出现 {1} 次"),
        (r"control character (U\+[0-9A-F]+)", "控制字符 {0}"),
        (r"GB 18030 now has (U\+[0-9A-F]+) for it", "GB 18030 现作 {0}"),
        (r"witness (\d+) reads (.*), not (.*)", "版本 {0} 作“{1}”，不作“{2}”"),
        (r"witness (\d+) has nothing here", "版本 {0} 此处无字"),
        (r"witness (\d+) has a running head or page number here as well", "版本 {0} 此处也是书眉或页码"),
        (r"witness (\d+) has (.*) here", "版本 {0} 此处有“{1}”"),
        (r"only witness (\d+) has this part of the page", "只有版本 {0} 有此部分"),
        (r"(.+) explains (.*) and what witness (\d+) has", "由“{0}”可知“{1}”与版本 {2} 何以误读"),
    )
)


def in_chinese(reason: str) -> str:
    """A reason as the engine gives it, in Chinese where it is known."""
    if len(reason) > MOST:
        return reason
    found, mark, why = reason.rpartition("; not applied: ")
    if mark:
        return f"{in_chinese(found)}；未自动修改：{_single(why)}"
    # Where several rules made a correction, it has the reason of each behind its name.
    parts = [part.partition(": ") for part in reason.split("; ")]
    if len(parts) > 1 and all(_RULE.fullmatch(rule) for rule, _, _ in parts):
        return "；".join(f"{rule}：{_single(text)}" for rule, _, text in parts)
    return _single(reason)


def _single(reason: str) -> str:
    if len(reason) > LONGEST:
        return reason
    if reason in _FIXED:
        return _FIXED[reason]
    for pattern, chinese in _PATTERNS:
        match = pattern.fullmatch(reason)
        if match:
            return chinese.format(*(_part(match, k) for k in range(1, 1 + match.re.groups)))
    return reason


def _part(match: re.Match[str], group: int) -> str:
    part = match[group]
    if match.re.pattern.endswith(_GAIN) and group == match.re.groups:
        return f"（似然比 log10 {part}）" if part else ""
    return _FIXED.get(part, part)
