"""A recorded model does a task in a terminal: `python llm_terminal.py [TRANSCRIPT]`.

`llm_terminal.json`, beside this file, is a conversation in the words of Anthropic's computer tool.
To have a model speak, ask it for each turn, and answer its calls as here: with a picture.
Needs Xvnc, openbox and xterm (`envserver doctor` looks for them).
"""

import json
import sys
from pathlib import Path

import envserver
from envserver.codecs import anthropic

path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_suffix(".json")
transcript = json.loads(path.read_text(encoding="utf-8"))
size = transcript["tool"]["display_width_px"], transcript["tool"]["display_height_px"]
with envserver.desktop(transcript["environment"], screen=(1280, 800), seed=transcript["seed"]) as d:
    print(f"goal: {d.goal}")
    for turn in transcript["turns"]:
        for block in turn:
            if block["type"] == "text":
                print(f"model: {block['text']}")
                continue
            said = anthropic.to_events(block, size)
            if isinstance(said, list) and not d.done:  # else it asks for no more than a look
                d.do(said, size)
            d.wait_stable()
            print(f"{block['input']} -> a picture of {len(d.screenshot_png())} bytes")
    if not d.done:
        d.wait_change(1000)
    print(f"done: {d.done}, reward: {d.reward:g}")
