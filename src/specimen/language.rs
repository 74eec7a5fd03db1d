//! Which language a specimen is in, and what runs it: a table that a user can
//! extend.

use super::guess;

/// One language: how to recognise it and what runs it in the cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Language {
    /// The name typed after `--language`.
    pub name: String,
    /// The command in the cell; `{}` stands for the specimen's path, which is
    /// appended where no `{}` does.
    pub command: Vec<String>,
    /// File name extensions, without the dot, the usual one first.
    pub extensions: Vec<String>,
    /// Interpreters named in a first line `#!…`, without a version.
    pub shebangs: Vec<String>,
}

/// The name of the language of programs that the kernel runs itself.
const EXECUTABLE: &str = "executable";

/// The table's own rows: name, command, extensions, shebangs.
const BUILT_IN: [(&str, &str, &[&str], &[&str]); 7] = [
    ("python", "python3", &["py", "pyw"], &["python", "pypy"]),
    ("shell", "sh", &["sh"], &["sh", "dash", "ash"]),
    ("bash", "bash", &["bash"], &["bash"]),
    ("javascript", "node", &["js", "mjs", "cjs"], &["node", "nodejs"]),
    ("ruby", "ruby", &["rb"], &["ruby"]),
    ("perl", "perl", &["pl", "pm"], &["perl"]),
    (EXECUTABLE, "{}", &[], &[]),
];

impl Language {
    /// The argument vector that runs the specimen at `path`.
    pub fn argv(&self, path: &str) -> Vec<String> {
        let mut argv: Vec<String> = self.command.iter().map(|word| word.replace("{}", path)).collect();
        if argv == self.command {
            argv.push(path.to_owned());
        }
        argv
    }

    /// Whether the specimen's own file is what is executed.
    pub fn runs_itself(&self) -> bool {
        self.command.first().is_some_and(|word| word == "{}")
    }

    /// The name of the specimen's file in the cell: `script` with the extension
    /// it came with where that is one of the language's (`node` tells modules
    /// by it), else with the usual one.
    pub fn file_name(&self, specimen: &str) -> String {
        let own = extension(specimen).and_then(|own| self.extensions.iter().find(|e| **e == own));
        match own.or(self.extensions.first()) {
            Some(extension) => format!("script.{extension}"),
            None => "script".to_owned(),
        }
    }

    /// The mode of that file: readable by every uid, executable where it runs itself.
    pub fn file_mode(&self) -> u32 {
        if self.runs_itself() { 0o555 } else { 0o444 }
    }
}

/// The languages at hand; the first row that matches wins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LanguageTable(Vec<Language>);

impl Default for LanguageTable {
    fn default() -> Self {
        let owned = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
        Self(
            BUILT_IN
                .iter()
                .map(|&(name, command, extensions, shebangs)| Language {
                    name: name.to_owned(),
                    command: vec![command.to_owned()],
                    extensions: owned(extensions),
                    shebangs: owned(shebangs),
                })
                .collect(),
        )
    }
}

impl LanguageTable {
    /// Adds a row in front of the others, in place of one of the same name.
    pub fn add(&mut self, language: Language) {
        self.0.retain(|row| row.name != language.name);
        self.0.insert(0, language);
    }

    /// The row with this name.
    pub fn get(&self, name: &str) -> Option<&Language> {
        self.0.iter().find(|row| row.name == name)
    }

    /// Every name, in the order rows are tried.
    pub fn names(&self) -> Vec<&str> {
        self.0.iter().map(|row| row.name.as_str()).collect()
    }

    /// Tells the language by the first line `#!…`, the ELF header, the
    /// extension of `name`, then by what the lines look like.
    pub fn recognise(&self, name: &str, bytes: &[u8]) -> Option<&Language> {
        let by_interpreter = |wanted: &str| {
            self.0.iter().find(|row| {
                let versionless = wanted.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
                row.shebangs.iter().any(|s| s == wanted || s == versionless)
            })
        };
        let by_extension =
            |wanted: &str| self.0.iter().find(|row| row.extensions.iter().any(|e| e.eq_ignore_ascii_case(wanted)));
        interpreter(bytes)
            .and_then(|wanted| by_interpreter(&wanted))
            .or_else(|| bytes.starts_with(b"\x7fELF").then(|| self.get(EXECUTABLE)).flatten())
            .or_else(|| extension(name).and_then(by_extension))
            .or_else(|| guess::language(bytes).and_then(|guessed| self.get(guessed)))
    }
}

/// The part of a file name after its last dot, if it has a stem before that.
fn extension(name: &str) -> Option<&str> {
    let file = name.rsplit('/').next()?;
    let (stem, extension) = file.rsplit_once('.')?;
    (!stem.is_empty()).then_some(extension)
}

/// The interpreter that a first line `#!…` names, without its directory. `env`
/// is looked through, with its options and assignments.
fn interpreter(bytes: &[u8]) -> Option<String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let line = bytes.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let line = String::from_utf8_lossy(line);
    let mut words = line.split_ascii_whitespace();
    let base = |word: &str| word.rsplit('/').next().unwrap_or(word).to_owned();
    let first = base(words.next()?);
    if first != "env" {
        return Some(first);
    }
    // `-S` may be joined to its first word: `env -Spython3`.
    words
        .map(|word| word.strip_prefix("-S").unwrap_or(word))
        .find(|word| !word.is_empty() && !word.starts_with('-') && !word.contains('='))
        .map(base)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recognised(name: &str, text: &str) -> Option<String> {
        let table = LanguageTable::default();
        table.recognise(name, text.as_bytes()).map(|language| language.name.clone())
    }

    #[test]
    fn the_first_line_tells_the_language_whatever_the_name_says() {
        for (line, expected) in [
            ("#!/usr/bin/python3.11", "python"),
            ("#!/usr/bin/env -S python3 -u", "python"),
            ("#!/usr/bin/env -Spython3", "python"),
            ("#!/usr/bin/env LANG=C perl -w\r", "perl"),
            ("#! /bin/sh -e", "shell"),
            ("#!/usr/bin/env bash", "bash"),
            ("\u{feff}#!/usr/bin/nodejs", "javascript"),
        ] {
            let recognised = recognised("x.rb", &format!("{line}\n"));
            assert_eq!(recognised.as_deref(), Some(expected), "{line}");
        }
    }

    #[test]
    fn the_extension_tells_the_language_where_the_first_line_does_not() {
        assert_eq!(recognised("dir.py/a.RB", "x").as_deref(), Some("ruby"));
        assert_eq!(recognised("a.py", "#!/opt/mine/special\n").as_deref(), Some("python"));
        assert_eq!(recognised(".py", "x"), None, "a hidden file without an extension");
    }

    #[test]
    fn an_elf_file_is_an_executable_even_where_its_name_lies() {
        assert_eq!(recognised("a.py", "\x7fELF\x02").as_deref(), Some("executable"));
    }

    #[test]
    fn an_executable_is_its_own_command() {
        let table = LanguageTable::default();
        let executable = table.get("executable").unwrap();
        assert_eq!(executable.argv("/sandbox/script"), ["/sandbox/script"]);
        assert_eq!(executable.file_name("a.out"), "script");
        assert_eq!(executable.file_mode(), 0o555);
        let python = table.get("python").unwrap();
        assert_eq!(python.argv("/sandbox/script.py"), ["python3", "/sandbox/script.py"]);
        assert_eq!(python.file_mode(), 0o444);
    }

    #[test]
    fn a_module_keeps_the_extension_by_which_node_knows_it() {
        let table = LanguageTable::default();
        let javascript = table.get("javascript").unwrap();
        assert_eq!(javascript.file_name("evil.mjs"), "script.mjs");
        assert_eq!(javascript.file_name("evil.txt"), "script.js");
    }

    #[test]
    fn a_row_of_the_users_goes_before_a_built_in_one() {
        let mut table = LanguageTable::default();
        table.add(Language {
            name: "mypy".to_owned(),
            command: ["env", "mypy", "{}", "--strict"].map(str::to_owned).to_vec(),
            extensions: vec!["py".to_owned()],
            shebangs: vec![],
        });
        let chosen = table.recognise("a.py", b"x").unwrap();
        assert_eq!(chosen.argv("/s.py"), ["env", "mypy", "/s.py", "--strict"]);
        assert_eq!(table.names().len(), BUILT_IN.len() + 1);
    }
}
