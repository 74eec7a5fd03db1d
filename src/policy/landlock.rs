//! What Landlock leaves open to a specimen, landlock(7).

use std::path::PathBuf;

use super::error::ValueError;
use super::raw::{Field, Raw, Value, quoted, switch};
use super::settings::{Setting, on_off};

/// What Landlock leaves open. A path that the cell does not have is passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Landlock {
    /// Directories and files that can be read and executed.
    pub read_exec: Vec<PathBuf>,
    /// Directories and files that can be read and written.
    pub write: Vec<PathBuf>,
    /// Whether TCP `bind` and `connect` are refused.
    pub tcp: bool,
}

impl Setting for Landlock {
    fn parse(raw: &Raw, base: &Self) -> Result<Self, ValueError> {
        let parts = raw.parts(',', &["read_exec", "write", "tcp"])?;
        let paths_or = |name, base: &Vec<PathBuf>| parts.field(name).map_or_else(|| Ok(base.clone()), absolute_paths);
        Ok(Self {
            read_exec: paths_or("read_exec", &base.read_exec)?,
            write: paths_or("write", &base.write)?,
            tcp: parts.read("tcp", base.tcp, switch)?,
        })
    }

    fn text(&self) -> String {
        let list =
            |paths: &[PathBuf]| paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(":");
        format!("read_exec={},write={},tcp={}", list(&self.read_exec), list(&self.write), on_off(self.tcp))
    }
}

/// Absolute paths without the characters that separate them in text.
fn absolute_paths(field: &Field) -> Result<Vec<PathBuf>, ValueError> {
    let listed = matches!(field.value, Value::List(_));
    let path = |text: &str| {
        let plain = text.starts_with('/') && !text.contains(['\0', ',']) && !(listed && text.contains(':'));
        let wrong = || {
            ValueError::new(format!("{} is not such a path", quoted(text)), "absolute paths without comma and colon")
        };
        plain.then(|| PathBuf::from(text)).ok_or_else(wrong)
    };
    field.place(field.value.parts().into_iter().map(path).collect())
}
