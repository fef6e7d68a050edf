"""Texts that keyboards of the USA do not type."""

TEXTS = {
    "Latin": "Dvě žáby, François; Ærøskøbing „Straße“, ¿cómo? İstanbul, Łódź, Þórr. Việt Nam ệ",
    "Cyrillic": "Съешь же ещё этих мягких французских булок, да выпей чаю. ЩУКА Ёж Ґанок Її ђ",
    "CJK": "天地玄黃宇宙洪荒日月盈昃辰宿列張いろはにほへとカタカナ한국어텍스트。",
    "emoji": "🙂 🚀🚀 👩\u200d💻 ☕\ufe0f 🇨🇿 e\u0301 ∑ ≠ →",
}
