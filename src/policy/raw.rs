//! A setting as it was written, before its type is known. Policy files and
//! `--layer NAME=VALUE` both come down to this, so each type has one parser.

use std::ops::Range;

use super::error::ValueError;
use crate::diagnose::nearest;
use crate::text::visible_str;

/// `text` in backquotes, safe to print.
pub(super) fn quoted(text: &str) -> String {
    format!("`{}`", visible_str(text))
}

/// ` (did you mean …?)`, or nothing where no candidate is near.
pub(super) fn suggest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, candidates).map(|name| format!(" (did you mean `{name}`?)")).unwrap_or_default()
}

/// A setting as written.
pub(super) enum Raw {
    /// One text: a string of a file, or what follows `NAME=` on the command line.
    Text(String),
    /// A list or table of a file.
    Fields(Vec<Field>),
}

/// One element of a list, or one key of a table.
#[derive(Clone)]
pub(super) struct Field {
    pub key: Option<String>,
    pub value: Value,
    /// Where its key stands in the file, in bytes.
    pub key_span: Option<Range<usize>>,
    /// Where its value stands in the file, in bytes; `None` on the command line.
    pub span: Option<Range<usize>>,
}

/// The value of one [`Field`].
#[derive(Clone)]
pub(super) enum Value {
    One(String),
    List(Vec<String>),
}

impl Value {
    /// The single text it is.
    pub fn one(&self) -> Result<&str, ValueError> {
        match self {
            Self::One(text) => Ok(text),
            Self::List(_) => Err(ValueError::new("a list is not a single value", "a single value")),
        }
    }

    /// Its parts: the elements of a list, or what colons separate in a text.
    pub fn parts(&self) -> Vec<&str> {
        match self {
            Self::One(text) => text.split(':').filter(|part| !part.is_empty()).collect(),
            Self::List(parts) => parts.iter().map(String::as_str).collect(),
        }
    }
}

impl Field {
    /// Reads its single value with `read`, and places the error.
    pub fn read<T>(&self, read: impl FnOnce(&str) -> Result<T, ValueError>) -> Result<T, ValueError> {
        self.place(self.value.one().and_then(read))
    }

    /// Gives an error the place of this field's value.
    pub fn place<T>(&self, result: Result<T, ValueError>) -> Result<T, ValueError> {
        result.map_err(|error| error.at(self.span.as_ref()))
    }
}

impl Raw {
    /// The one text of a setting that has no parts.
    pub fn one(&self, allowed: &str) -> Result<&str, ValueError> {
        match self {
            Self::Text(text) => Ok(text),
            Self::Fields(fields) => {
                let error = ValueError::new("a list or table is not a single value", allowed);
                fields.first().map_or(Err(error.clone()), |field| field.place(Err(error)))
            }
        }
    }

    /// The elements of a list, the keys of a table, or what `separator` separates in a text.
    ///
    /// # Errors
    /// A text without any; `allowed` tells what would be.
    pub fn fields(&self, separator: char, allowed: &str) -> Result<Vec<Field>, ValueError> {
        let text = match self {
            Self::Fields(fields) => return Ok(fields.clone()),
            Self::Text(text) => text,
        };
        let fields: Vec<_> =
            text.split(separator).map(str::trim).filter(|item| !item.is_empty()).map(Field::from_text).collect();
        if fields.is_empty() {
            return Err(ValueError::new("no value is given", allowed));
        }
        Ok(fields)
    }

    /// The fields of a setting with named parts. A bare word is the part of that name
    /// switched on (`exec`), or else the value of the first part not yet given.
    ///
    /// # Errors
    /// A part that is not in `names`, or is given twice, or one bare word too many.
    pub fn parts(&self, separator: char, names: &[&'static str]) -> Result<Parts, ValueError> {
        let mut parts = Parts { fields: Vec::new() };
        for mut field in self.fields(separator, &names.join(", "))? {
            let place = field.key_span.clone().or_else(|| field.span.clone());
            let name = parts.name_of(&mut field, names).map_err(|error| error.at(place.as_ref()))?;
            parts.fields.push((name, field));
        }
        Ok(parts)
    }
}

impl Field {
    /// `key=value` or a bare word.
    fn from_text(item: &str) -> Self {
        let (key, value) = match item.split_once('=') {
            Some((key, value)) => (Some(key.trim().to_owned()), value.trim()),
            None => (None, item),
        };
        Self { key, value: Value::One(value.to_owned()), key_span: None, span: None }
    }
}

/// A setting's named parts, each given at most once.
pub(super) struct Parts {
    fields: Vec<(&'static str, Field)>,
}

impl Parts {
    /// The field of that part, where it was given.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|(key, _)| *key == name).map(|(_, field)| field)
    }

    /// The value of a part, or `base` where it was not given.
    pub fn read<T>(
        &self,
        name: &str,
        base: T,
        read: impl FnOnce(&str) -> Result<T, ValueError>,
    ) -> Result<T, ValueError> {
        self.field(name).map_or(Ok(base), |field| field.read(read))
    }

    /// Finds the part that a field gives, and makes a bare name a switch.
    fn name_of(&self, field: &mut Field, names: &[&'static str]) -> Result<&'static str, ValueError> {
        let allowed = || names.join(", ");
        let known = |word: &str| names.iter().copied().find(|name| *name == word);
        let switched = field.value.one().ok().and_then(known);
        let name = match (&field.key, switched) {
            (Some(key), _) => known(key).ok_or_else(|| {
                let near = suggest(key, names.iter().copied());
                ValueError::new(format!("{} is no part of it{near}", quoted(key)), allowed())
            })?,
            (None, Some(name)) => {
                field.value = Value::One("on".to_owned());
                name
            }
            (None, None) => {
                let next = names.iter().copied().find(|name| self.field(name).is_none());
                next.ok_or_else(|| ValueError::new("too many values", allowed()))?
            }
        };
        match self.field(name) {
            Some(_) => Err(ValueError::new(format!("`{name}` is given twice"), allowed())),
            None => Ok(name),
        }
    }
}

/// Reads a switch.
///
/// # Errors
/// Anything but `on`, `true`, `off` and `false`.
pub(super) fn switch(text: &str) -> Result<bool, ValueError> {
    match text {
        "on" | "true" => Ok(true),
        "off" | "false" => Ok(false),
        _ => Err(ValueError::new(format!("{} is not a switch", quoted(text)), "on, off")),
    }
}
