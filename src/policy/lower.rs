//! TOML values brought down to [`Raw`], with their places.

use toml::Spanned;
use toml::de::DeValue;

use super::error::ValueError;
use super::raw::{Field, Raw, Value};

/// A value as a setting's parser takes it.
///
/// # Errors
/// Dates, and lists or tables deeper than any setting has.
pub(super) fn raw(value: &Spanned<DeValue<'_>>) -> Result<Raw, ValueError> {
    Ok(match value.get_ref() {
        DeValue::Boolean(on) => Raw::Text(if *on { "on" } else { "off" }.to_owned()),
        DeValue::Array(items) => {
            let field = |item: &Spanned<DeValue<'_>>| {
                Ok(Field { key: None, value: Value::One(scalar(item)?), key_span: None, span: Some(item.span()) })
            };
            Raw::Fields(items.iter().map(field).collect::<Result<_, _>>()?)
        }
        DeValue::Table(table) => {
            let field = |(key, item): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
                let value = match item.get_ref() {
                    DeValue::Array(items) => Value::List(items.iter().map(scalar).collect::<Result<_, _>>()?),
                    _ => Value::One(scalar(item)?),
                };
                Ok(Field {
                    key: Some(String::from(AsRef::<str>::as_ref(key.get_ref()))),
                    value,
                    key_span: Some(key.span()),
                    span: Some(item.span()),
                })
            };
            let mut fields = table.iter().map(field).collect::<Result<Vec<_>, ValueError>>()?;
            fields.sort_by_key(|field| field.span.as_ref().map(|span| span.start));
            Raw::Fields(fields)
        }
        _ => Raw::Text(scalar(value)?.trim().to_owned()),
    })
}

/// A value that is neither list nor table, as text.
fn scalar(value: &Spanned<DeValue<'_>>) -> Result<String, ValueError> {
    Ok(match value.get_ref() {
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(number) if number.radix() == 10 => number.as_str().to_owned(),
        DeValue::Float(number) => number.as_str().to_owned(),
        DeValue::Boolean(on) => on.to_string(),
        other => {
            let problem = format!("{} has no place here", describe(other));
            return Err(ValueError::new(problem, "a text, a decimal number, or true or false").at(Some(&value.span())));
        }
    })
}

fn describe(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(number) if number.radix() == 10 => "a whole number",
        DeValue::Integer(_) => "a number that is not decimal",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list in a list",
        DeValue::Table(_) => "a table in a table",
    }
}

/// A text.
///
/// # Errors
/// A value of another type.
pub(super) fn string<'a>(value: &'a Spanned<DeValue<'_>>) -> Result<&'a str, ValueError> {
    value
        .get_ref()
        .as_str()
        .ok_or_else(|| ValueError::new(format!("{} has no place here", describe(value.get_ref())), "a text in quotes"))
}
