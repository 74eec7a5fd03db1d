//! The themes in the binary and the user's own.

use std::path::{Path, PathBuf};

use super::depth::Depth;
use super::draft::Draft;
use super::file::{self, Source};
use super::{Theme, ThemeError};
use crate::diagnose;
use crate::files;
use crate::policy::Bytes;
use crate::text::visible_str;

/// The themes in the binary: name and text. The first is the default.
const SHIPPED: [(&str, &str); 4] = [
    ("dark", include_str!("../../../themes/dark.toml")),
    ("light", include_str!("../../../themes/light.toml")),
    ("high-contrast", include_str!("../../../themes/high-contrast.toml")),
    ("ansi", include_str!("../../../themes/ansi.toml")),
];

/// The most that is read of a file.
const LONGEST: Bytes = Bytes::mib(1);

impl Theme {
    /// The names of the themes in the binary.
    pub fn shipped_names() -> [&'static str; 4] {
        SHIPPED.map(|(name, _)| name)
    }

    /// Every name that [`Theme::load`] knows: those in the binary, then the user's own.
    pub fn names(user_dir: &Path) -> Vec<String> {
        files::names(&Self::shipped_names(), user_dir, "toml")
    }

    /// The theme of that name in so many colours: the user's own, `NAME.toml` in `user_dir`, before the one in the
    /// binary. A user's theme may extend the shipped one whose name it has.
    ///
    /// # Errors
    /// A name that is not known, a file that cannot be read, or a mistake in it.
    pub fn load(name: &str, user_dir: &Path, depth: Depth) -> Result<Self, ThemeError> {
        let library = Library { user_dir: Some(user_dir), opened: Vec::new() };
        let draft = library.named(name)?.map_err(|problem| ThemeError::Unknown { problem })?;
        Ok(draft.finish(depth))
    }

    #[cfg(test)]
    /// Reads a theme file's text; `extends` finds the themes in the binary alone. `file` is its name in messages.
    ///
    /// # Errors
    /// [`ThemeError::Mistake`], with the place.
    pub fn parse(file: &str, text: &str, depth: Depth) -> Result<Self, ThemeError> {
        let library = Library { user_dir: None, opened: Vec::new() };
        Ok(library.parse(Source { file, text })?.finish(depth))
    }

    /// The name of [`Theme::default_for`].
    pub fn default_name(depth: Depth) -> &'static str {
        if depth > Depth::Ansi16 { "dark" } else { "ansi" }
    }

    /// The theme where no other is named. In 16 colours and fewer that is the one made of them: the nearest ones to
    /// soft colours are loud.
    pub fn default_for(depth: Depth) -> Self {
        let library = Library { user_dir: None, opened: Vec::new() };
        match library.named(Self::default_name(depth)) {
            Ok(Ok(draft)) => draft.finish(depth),
            _ => Draft::blank().finish(Depth::None),
        }
    }
}

/// Where themes are looked for, and the user's own that are being read already.
struct Library<'a> {
    user_dir: Option<&'a Path>,
    opened: Vec<String>,
}

impl Library<'_> {
    /// The theme of that name that is not being read already; or why there is none.
    fn named(&self, name: &str) -> Result<Result<Draft, String>, ThemeError> {
        let opened = self.opened.iter().any(|opened| opened == name);
        let own = self.user_dir.filter(|_| !opened && !name.contains('/')).map(|dir| dir.join(format!("{name}.toml")));
        if let Some(path) = own.filter(|path| path.is_file()) {
            let opened = self.opened.iter().cloned().chain([name.to_owned()]).collect();
            return Library { user_dir: self.user_dir, opened }.read(path).map(Ok);
        }
        match SHIPPED.into_iter().find(|(shipped, _)| *shipped == name) {
            Some((_, text)) => {
                Library { user_dir: None, opened: Vec::new() }.parse(Source { file: name, text }).map(Ok)
            }
            None => Ok(Err(self.unknown(name))),
        }
    }

    fn read(&self, path: PathBuf) -> Result<Draft, ThemeError> {
        match files::read_text(&path, LONGEST) {
            Ok(text) => self.parse(Source { file: &path.to_string_lossy(), text: &text }),
            Err(error) => Err(ThemeError::Unreadable { path, source: error.into() }),
        }
    }

    fn parse(&self, source: Source<'_>) -> Result<Draft, ThemeError> {
        file::read(source, |name| self.named(name))
    }

    fn unknown(&self, name: &str) -> String {
        let shown = visible_str(name);
        if self.opened.iter().any(|opened| opened == name) {
            let way = visible_str(&self.opened.join(" -> "));
            return format!("`{shown}` extends itself: {way} -> {shown}");
        }
        let names = self.user_dir.map_or_else(|| Theme::shipped_names().map(str::to_owned).to_vec(), Theme::names);
        let names: Vec<_> = names.iter().map(|name| visible_str(name)).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        format!("`{shown}` is no theme: {}", diagnose::hint(name, &names))
    }
}
