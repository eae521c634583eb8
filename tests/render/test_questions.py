"""The questions: their defaults and help, what they refuse, and that copier needs no trust to ask them."""

import re
import sys
from pathlib import Path

import pytest
import yaml

from tests.harness import releases, service, shell
from tests.harness.owners import CONFIG
from tests.harness.service import ANSWERS
from tests.harness.snapshot import CURRENT, ROOT

QUESTIONS = {name: question for name, question in CONFIG.items() if not name.startswith("_")}

NAME = "Use 1 to 40 lower-case letters, digits and single hyphens, beginning with a letter"
DESCRIPTION = "Write one line of 1 to 120 characters, without spaces around it"
OWNER = "Write 1 to 80 characters, without spaces around them"
CONTROL = "Write it in one line, without control characters and others that nobody sees"
UNSEEN = ("\x85", "\x9b", "\u00ad", "\u200b", "\u200e", "\u2028", "\u2029", "\u202e", "\u2066", "\ufeff")
UNSEEN += ("\ud800", "\udfff", "\udcff\udc00", "\ue000", "\uffff", "\U000e0041", "\U000f0000", "\U0010ffff")

REFUSED = [
    *(("project_name", bad, NAME) for bad in ("", "Shop", "1shop", "-shop", "shop-", "a--b", "a_b", "a b", "été")),
    ("project_name", "a" * 41, NAME),
    ("project_name", "shop\n", NAME),
    ("project_name", "service", '"service" is the name of the import package'),
    ("project_name", "click", '"click" is a package that the service installs'),
    *(("description", bad, DESCRIPTION) for bad in ("", " ", " a", "a ", "a\n", "a" * 121)),
    *(("description", bad, CONTROL) for bad in ("a\nb", "a\tb", "a\x00b", "a\x1bb", "a\x7fb")),
    *(("owner", bad, OWNER) for bad in ("", " ", " a", "a ", "a" * 81)),
    *(("owner", bad, CONTROL) for bad in ("a\nb", "a\rb", "a\x7fb")),
    *((question, f"a{it}b", CONTROL) for question in ("description", "owner") for it in UNSEEN),
    *(("python_version", bad, "Invalid choice") for bad in ("", "3.11", "3", "3.12.1")),
    *(("jobs", bad, "Answer yes or no") for bad in ([1], "maybe", 2, {"a": 1})),
    ("ci", "jenkins", "Invalid choice"),
    ("deploy", "swarm", "Invalid choice"),
    ("example", "shop", "Invalid choice"),
    *(("project_name", bad, NAME) for bad in (3, True)),
]

FILES = {
    "project_name: [a]": "Could not convert ['a'] to string",
    "owner: null": 'Invalid answer "None" of type "<class \'NoneType\'>" to question "owner"',
    "jobs: [1]": "Validation error for question 'jobs': Answer yes or no",
    "deploy: swarm": "Invalid choice for 'deploy': 'swarm' is not in ['kubernetes', 'compose', 'none']",
    'description: "a\\ud800b"': f"Validation error for question 'description': {CONTROL}",
    "jbos: false": "'No question is called jbos' not found",
}
"""Files of answers, and what the last line says of them: copier prints a traceback before it."""


@pytest.mark.parametrize(("question", "answer", "message"), REFUSED)
def test_a_wrong_answer_is_refused_and_says_what_is_wanted(question, answer, message, template, tmp_path):
    with pytest.raises(ValueError, match=re.escape(message)) as refusal:
        service.render(template, tmp_path / "it", {question: answer})
    assert f"'{question}'" in str(refusal.value)
    assert not (tmp_path / "it").exists()


@pytest.mark.parametrize("content", FILES)
def test_a_wrong_file_of_answers_is_refused_in_one_line(content, template, tmp_path):
    (tmp_path / "answers.yml").write_text(content)
    copier = (sys.executable, "-m", "copier", "copy", "--defaults", "--vcs-ref", CURRENT)
    code, output = shell.attempt(*copier, "--data-file", "answers.yml", template, "it", cwd=tmp_path)
    assert code == 1
    assert FILES[content] in output.splitlines()[-1]
    assert not (tmp_path / "it").exists()


@pytest.mark.parametrize("answer", ["yes", "N", 0])
def test_yes_and_no_may_be_written_as_yaml_knows_them(answer, template, tmp_path):
    folder = service.render(template, tmp_path / "it", {"jobs": answer})
    assert (folder / "src/service/kit/jobs").exists() == (answer == "yes")


@pytest.mark.parametrize("answer", ["a", "a1", "a-1-b", "a" * 40])
def test_a_good_name_is_accepted(answer, template, tmp_path):
    folder = service.render(template, tmp_path / "it", {"project_name": answer})
    assert f'name = "{answer}"' in (folder / "pyproject.toml").read_text()


SEEN = "Ελληνικά, नमस्ते, می\u200cخواهم, 訂單, 👩\u200d💻 ❤️ 🇪🇺 “so” – £\xa05 é e\u0301 \U0002070e"  # noqa: RUF001
"""What people write: joiners, combining marks, selectors of a variant, and more than 16 bits."""


@pytest.mark.parametrize("question", ["description", "owner"])
def test_what_people_write_is_accepted(question, template, tmp_path):
    folder = service.render(template, tmp_path / "it", {question: SEEN})
    assert SEEN in (folder / "pyproject.toml").read_text()


def test_an_answer_that_is_not_accepted_any_more_gives_way_to_the_default_and_stops_no_update(template, tmp_path):
    (oldest, *_), default = releases.find(ROOT), QUESTIONS["description"]["default"]
    before = service.render(template, tmp_path / "before", {"description": "a\u202eb"}, oldest)
    folder = service.adopt(before, tmp_path / "shop")
    service.update(folder)
    recorded = yaml.safe_load((folder / ".copier-answers.yml").read_text())
    assert (recorded["description"], recorded["project_name"]) == (default, "my-service")
    assert f'description = "{default}"' in (folder / "pyproject.toml").read_text()


def test_there_are_at_most_eight_questions():
    assert 1 <= len(QUESTIONS) <= 8


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_has_a_default_and_a_help_that_asks(name):
    assert QUESTIONS[name]["default"] != ""
    assert "?" in QUESTIONS[name]["help"]


@pytest.mark.parametrize("name", QUESTIONS)
def test_the_answer_to_a_question_is_used_in_the_template(name):
    variable = re.compile(rf"{{[{{%][^}}]*\b{name}\b")
    files = [path for path in (ROOT / "template").rglob("*.jinja") if path.is_file()]
    assert [path for path in files if variable.search(path.read_text()) or variable.search(path.name)]


def test_every_file_of_the_template_reaches_some_service(render, template):
    rendered = {name for answers in ANSWERS.values() for name in service.read(render(**answers))}
    root = template / "template"
    names = [str(path.relative_to(root)).removesuffix(".jinja") for path in root.rglob("*") if path.is_file()]
    files = {re.sub(r"{%.*?%}", "", name) for name in names}  # a name may have a condition
    assert files - rendered == {"{{_copier_conf.answers_file}}"}


@pytest.mark.parametrize("key", ["_tasks", "_jinja_extensions", "_external_data", "_skip_if_exists", "_migrations"])
def test_the_template_asks_for_no_trust_and_for_no_exception(key):
    assert key not in CONFIG


def test_a_misspelt_variable_in_the_template_is_an_error():
    assert CONFIG["_envops"]["undefined"] == "jinja2.StrictUndefined"


def test_the_oldest_copier_allowed_knows_all_that_the_template_uses():
    pinned = re.search(r'"copier==([\d.]+)"', (ROOT / "pyproject.toml").read_text())
    assert pinned
    assert CONFIG["_min_copier_version"].rsplit(".", 1)[0] == pinned[1].rsplit(".", 1)[0]


def test_every_message_is_a_file_of_its_own():
    included = re.findall(r"include '(hooks/messages/[^']+)'", (ROOT / "copier.yml").read_text())
    present = {str(path.relative_to(ROOT)) for path in Path(ROOT, "hooks/messages").iterdir()}
    assert set(included) == present
