"""Strings that look for trouble: damaged Chinese, syntax, invisible characters, and anything at all."""

from __future__ import annotations

from hypothesis import strategies as st

HAN = "的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动同工也能下过子说产种面而方后多定行学法所民得经十三之进着等部度家电力里如水化高自二理起小物现实加量都两体制机当使点从业本去把性好应开它合还因由其些然前外天政四日那社义事平形相全表间样与关各重新线内数正心反你明看原又么利比或但质气第向道命此变条只没结解问意建月公无系军很情者最立代想已通并提直题党程展五果料象员革位入常文总次品式活设及管特件长求老头基资边流路级少图山统接知较将组见计别她手角期根论运农指几九区强放决西被干做必战先回则任取据处队南给色光门即保治北造百规热领七海口东导器压志世金增争济阶油思术极交受联什认六共权收证改清己美再采转更单风切打白教速花带安场身车例真务具万每目至达走积示议声报斗完类八离华名确才科张信马节话米整空元况今集温传土许步群广石记需段研界拉林律叫且究观越织装影算低持音众书布复容儿须际商非验连断深难近矿千周委素技备半办青省列习响约支般史感劳便团往酸历市克何除消构府称太准精值号率族维划选标写存候毛亲快效斯院查江型眼王按格养易置派层片始却专状育厂京识适属圆包火住调满县局照参红细引听该铁价严龙飞"

PIECES = [
    "政策支持 and 体制保障",
    "明确主导产业发展目\n\n标，鼓励",
    "推动环研工作者围绕",
    "从支付市场最路下的商业领域着手",
    "《太原日报》4月17日)",
    "「五小」创新，“五小”创新",
    "科 研 工 作 者",
    "中国 ，人民",
    "的的的的的的的的",
    "哈哈哈哈哈",
    "⼀⼈⽤",
    "中\u200b国\ufeff人\u00ad民",
    "ＡＢＣ１２３",
    "涓浗浜烘皯",
    "ä¸\xadå›½äººæ°‘",
    "臺灣後來的發展",
    "责任编辑：张三",
    "— 12 —",
    "理论学苑",
    "# 标题\n\n",
    "- 一\n- 二\n",
    "| 甲 | 乙 |\n|---|---|\n",
    "```\ncode and 代码\n```\n",
    "---\ntitle: 甲 and 乙\n---\n",
    "$x and y$",
    "`a and b`",
    "https://example.org/路?a=1&b=2 ",
    "me@example.org",
    "<b>甲 and 乙</b>",
    "\\frac{甲}{乙}",
    "Johnson and Johnson",
    "**重点**",
    "[链接](http://a.b/c)",
    "”反了“",
    "（（（",
    "】】",
    "\r\n",
    "\r",
    "\f",
    "\n\n\n",
    "\u3000\u3000",
    "\ue5e5",
    "\ufffd",
    "锟斤拷",
    "👨\u200d👩\u200d👧",
    "\ud800",
    "\udc80",
    "\U00020000",
    " and ",
    " of the ",
    "，",
    "。",
    "、",
    "。。。",
    "……",
    "——",
]

characters = st.one_of(
    st.sampled_from(HAN),
    st.sampled_from("，。、；：？！“”‘’「」（）()《》【】—…·\n\r\f\t \u3000\u00a0\u200b-_*#`$<>|[]{}\\/&@.,:;!?'\"0123456789abcXYZＡ１"),
    st.characters(),
)
texts = st.one_of(
    st.text(characters, max_size=60),
    st.lists(st.one_of(st.sampled_from(PIECES), st.text(st.sampled_from(HAN), max_size=12)), max_size=10).map("".join),
    st.tuples(st.sampled_from(PIECES), st.integers(1, 40)).map(lambda pair: pair[0] * pair[1]),
)
