"""What the user asks the gate for.  Every pytest session loads this: it imports nothing."""

from typing import Any

OPTIONS: dict[str, dict[str, Any]] = {
    "against": {
        "metavar": "REV",
        "help": "compare this project's code with that of a git revision, in pairs; 'REV...' is "
        "the commit where it and HEAD parted; nothing after '=' is the default branch with three "
        "dots, on that branch HEAD~1",
    },
    "tolerance": {
        "metavar": "5%",
        "default": "5%",
        "help": "the slowdown that must be caught (default: 5%%)",
    },
    "false-alarm": {
        "metavar": "1%",
        "default": "1%",
        "help": "probability of any false 'slower' in the whole session (default: 1%%)",
    },
    "miss": {
        "metavar": "1%",
        "default": "1%",
        "help": "probability, per case, of missing a slowdown of the tolerance (default: 1%%)",
    },
    "pair-budget": {
        "metavar": "30",
        "default": "30",
        "help": "seconds for each case (default: 30)",
    },
    "gate-budget": {
        "metavar": "300",
        "default": "300",
        "help": "seconds for the session (default: 300)",
    },
    "unsure": {
        "choices": ("pass", "fail"),
        "default": "pass",
        "help": "what an undecided case does (default: pass, with a warning)",
    },
    "pair-seed": {
        "metavar": "N",
        "help": "draw as the session did that printed this seed; the promise needs a random one",
    },
    "removed": {
        "choices": ("pass", "fail"),
        "default": "pass",
        "help": "what a benchmark does that the base has and the head lacks (default: pass)",
    },
    "allow-changed": {
        "metavar": "CASE",
        "action": "append",
        "default": [],
        "help": "list this case as changed where the base fails or gives another result",
    },
    "allow-slower": {
        "metavar": "CASE",
        "action": "append",
        "default": [],
        "help": "let this case be slower: it is meant",
    },
    "gate-summary": {"metavar": "FILE", "help": "write the table to this file, as Markdown"},
}
