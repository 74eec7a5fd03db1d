//! A guess at the language of text that has neither a first line `#!…` nor an
//! extension: pasted snippets, standard input.

/// Lines read before deciding.
const LINES: usize = 200;

/// Whether a line speaks for a language.
type Sign = fn(&str) -> bool;

/// The languages guessed at.
const SIGNS: [(&str, Sign); 5] =
    [("python", python), ("shell", shell), ("javascript", javascript), ("ruby", ruby), ("perl", perl)];

/// The one language that most lines speak for; none where two tie or no line speaks.
pub(super) fn language(bytes: &[u8]) -> Option<&'static str> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut scores = SIGNS.map(|(name, speaks)| {
        let lines = text.lines().take(LINES).map(str::trim);
        (lines.filter(|line| speaks(line)).count(), name)
    });
    scores.sort_unstable();
    let [.., (second, _), (first, name)] = scores;
    (first > second).then_some(name)
}

fn starts(line: &str, words: &[&str]) -> bool {
    words.iter().any(|word| line.starts_with(word))
}

fn python(line: &str) -> bool {
    let block = ["def ", "async def ", "class ", "if ", "elif ", "for ", "while ", "with ", "try", "else", "except"];
    (starts(line, &block) && line.ends_with(':'))
        || (starts(line, &["import ", "print(", "raise ", "assert "])
            && !line.ends_with(';')
            && !line.contains(" from "))
        || (line.starts_with("from ") && line.contains(" import "))
        || (line.starts_with('[') && line.contains(" for ") && line.contains(" in "))
        || starts(line, &["open(", "exec(", "eval(", "__import__("]) && !line.ends_with(';')
}

fn shell(line: &str) -> bool {
    matches!(line, "fi" | "done" | "esac" | "then" | "do" | ";;")
        || starts(
            line,
            &["echo ", "set -", "export ", "cd ", "rm -", "curl ", "wget ", "sudo ", "chmod ", "if [ ", "while [ "],
        )
        || line.contains("=$(")
        || line.ends_with("; then")
        || line.ends_with("; do")
}

fn javascript(line: &str) -> bool {
    starts(line, &["const ", "let ", "var ", "function ", "async function ", "console.", "export default "])
        || line.contains("=> ")
        || line.contains("require('")
        || line.contains("require(\"")
        || (line.starts_with("import ") && (line.contains(" from '") || line.contains(" from \"")))
}

fn ruby(line: &str) -> bool {
    line == "end"
        || starts(line, &["puts ", "require '", "require_relative ", "module ", "attr_"])
        || (line.starts_with("def ") && !line.ends_with(':'))
        || line.ends_with('|') && line.contains(" do |")
}

fn perl(line: &str) -> bool {
    starts(line, &["use strict", "use warnings", "my $", "my @", "my %", "my (", "sub ", "foreach my "])
        || (line.starts_with("print ") && line.ends_with(';'))
        || line.contains(" =~ ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pasted_snippets_are_recognised() {
        for (text, expected) in [
            ("print(\"hi\")", "python"),
            ("import os; [os.fork() for _ in range(1000)]", "python"),
            ("open('/etc/pwned', 'w').write('test')", "python"),
            ("def f(x):\n    if x:\n        return 1\n", "python"),
            ("cd /tmp\nfor i in 1 2; do\n  echo $i\ndone\n", "shell"),
            ("const fs = require('fs');\nconsole.log(1);\n", "javascript"),
            ("import fs from 'fs'\nlet x = () => 1\n", "javascript"),
            ("require 'socket'\ndef run\n  puts 1\nend\n", "ruby"),
            ("use strict;\nmy $x = 1;\nprint \"$x\\n\";\n", "perl"),
        ] {
            assert_eq!(language(text.as_bytes()), Some(expected), "{text}");
        }
    }

    #[test]
    fn prose_and_bytes_are_not_taken_for_code() {
        assert_eq!(language(b"The quick brown fox.\nIt jumps.\n"), None);
        assert_eq!(language(b"\xff\xfeprint(1)"), None);
    }
}
