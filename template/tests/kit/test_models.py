# kit: updated by the template
import ast
from pathlib import Path

import service

PACKAGE = Path(service.__file__).parent


def test_no_pattern_lets_a_line_break_pass_at_its_end():
    r"""In Python, `$` also matches before a line break at the end. `\Z` is the end itself."""
    for path in [path for path in PACKAGE.glob("**/*.py") if not path.is_relative_to(PACKAGE / "kit")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.keyword) and node.arg == "pattern" and isinstance(node.value, ast.Constant):
                assert not str(node.value.value).endswith("$"), rf"{path}:{node.lineno}: end the pattern in \Z"
