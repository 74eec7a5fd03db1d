use std::fs;
use std::path::Path;

use ratatui::style::{Color, Modifier};

use super::{Depth, Family, Role, Theme, Token};
use crate::policy::Layer;

fn parse(text: &str) -> Result<Theme, String> {
    Theme::parse("my.toml", text, Depth::True).map_err(|error| error.to_string())
}

/// The problem with a theme that extends `dark` and says this.
fn problem(text: &str) -> String {
    parse(&format!("extends = \"dark\"\n{text}")).unwrap_err()
}

#[test]
fn every_shipped_theme_loads_and_says_what_it_is_like() {
    for name in Theme::shipped_names() {
        let theme = Theme::load(name, Path::new("/nowhere"), Depth::True).unwrap_or_else(|error| panic!("{error}"));
        assert!(!theme.summary().is_empty(), "{name}");
    }
    let default = |depth| Theme::default_for(depth).summary().to_owned();
    assert_eq!(default(Depth::True), "soft colours on slate");
    assert_eq!(default(Depth::Ansi256), "soft colours on slate");
    assert_eq!(default(Depth::Ansi16), "the terminal's own colours");
    assert_eq!(default(Depth::None), "the terminal's own colours");
}

#[test]
fn a_theme_that_extends_another_changes_only_what_it_names() {
    let theme = parse(
        "extends = 'dark'\n[palette]\nazure = 75\nmine = '#010203'\n\
         [ui]\nmuted = 'mine'\nmark = { bg = 'bright-red', underline = true, bold = false }\nstdout = 7\n\
         [syntax]\ncomment = 'default'\n[layers]\nkernel = 'mine'",
    )
    .unwrap();
    let dark = Theme::default_for(Depth::True);
    assert_eq!(theme.summary(), dark.summary());
    assert_eq!(theme.style(Role::Muted).fg, Some(Color::Rgb(1, 2, 3)));
    assert_eq!(theme.style(Role::Stdout).fg, Some(Color::Indexed(7)));
    let mark = theme.style(Role::Mark);
    assert_eq!((mark.fg, mark.bg, mark.add_modifier), (None, Some(Color::LightRed), Modifier::UNDERLINED));
    assert_eq!(theme.token(Token::Comment).fg, Some(Color::Reset));
    assert_eq!(theme.layer(Layer::Seccomp).fg, Some(Color::Rgb(1, 2, 3)));
    assert_eq!(theme.layer(Layer::Memory), dark.layer(Layer::Memory));
    assert_eq!(theme.style(Role::Accent).fg, Some(Color::Indexed(75)), "what dark draws in azure changes with it");
}

#[test]
fn a_mistake_is_told_with_its_place_its_key_and_what_is_allowed() {
    for (text, expected) in [
        (
            "pallete = {}",
            "my.toml:2:1: unknown key `pallete`: did you mean `palette`? allowed: summary, extends, palette, ui, syntax, layers",
        ),
        (
            "[ui]\nselectoin = 'red'",
            "my.toml:3:1: unknown key `ui.selectoin`: did you mean `selection`? allowed: text, ",
        ),
        (
            "[syntax]\nkeywords = 1",
            "my.toml:3:1: unknown key `syntax.keywords`: did you mean `keyword`? allowed: plain, ",
        ),
        (
            "[layers]\nnet = 1",
            "my.toml:3:1: unknown key `layers.net`: allowed: network, files, resources, privileges, kernel, labels, runtime",
        ),
        (
            "[ui]\nbad = { fg = 'red', blod = true }",
            "my.toml:3:21: unknown key `ui.bad.blod`: did you mean `bold`? allowed: fg, bg, bold, dim, italic, underline, reverse",
        ),
        (
            "[ui]\nbad = 'rosse'",
            "my.toml:3:7: key `ui.bad`: `rosse` is not a colour: did you mean `rose`? allowed: ash, azure, ",
        ),
        ("[ui]\nbad = { bg = '#12' }", "my.toml:3:14: key `ui.bad.bg`: `#12` is not a colour: write six "),
        ("[ui]\nbad = 256", "my.toml:3:7: key `ui.bad`: a colour's number is one from 0 to 255"),
        (
            "[ui]\nbad = true",
            "my.toml:3:7: key `ui.bad`: expected a colour or a table such as `{ fg = \"red\", bold = true }`, found boolean",
        ),
        ("[ui]\nbad = { bold = 1 }", "my.toml:3:16: key `ui.bad.bold`: expected true or false, found integer"),
        ("[palette]\nx = 'azure'", "my.toml:3:5: key `palette.x`: `azure` is not a colour: allowed: default, black, "),
        (
            "[palette]\n'a b' = 1",
            "my.toml:3:1: key `palette.a b`: a colour's name is made of letters, digits, `-` and `_`",
        ),
        ("ui = 3", "my.toml:2:6: key `ui`: expected a table, found integer"),
        ("summary = 3", "my.toml:2:11: key `summary`: expected a string, found integer"),
        ("ui", "my.toml:2:3: not valid TOML: "),
        ("\"\\u001b[2J\" = 1", "my.toml:2:1: unknown key `\\x1b[2J`: allowed: summary, "),
    ] {
        let problem = problem(text);
        assert!(problem.starts_with(expected), "{problem}\n{expected}");
    }
}

#[test]
fn the_first_mistake_of_a_table_is_the_one_that_is_told() {
    assert!(problem("[ui]\nzzz = 1\naaa = 1").contains("unknown key `ui.zzz`"));
}

#[test]
fn a_theme_that_extends_no_other_must_have_every_style() {
    assert_eq!(
        parse("[ui]").unwrap_err(),
        "my.toml:1:1: missing key `summary`: write what the theme is like, in a line"
    );
    let dark = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/themes/dark.toml")).unwrap();
    let without = dark.replace("cursor = ", "# ").replace("mark = ", "# ");
    let line = without.lines().position(|line| line == "[ui]").unwrap() + 1;
    assert_eq!(
        parse(&without).unwrap_err(),
        format!(
            "my.toml:{line}:2: missing `ui.mark`, `ui.cursor`: a theme has every style, or says which one it extends, such as `extends = \"dark\"`"
        )
    );
    let without = dark.replace("[layers]", "[palette.x]");
    assert!(parse(&without).is_err());
}

#[test]
fn a_users_theme_goes_before_the_shipped_one_of_its_name_and_may_extend_it() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
    write("dark.toml", "extends = 'dark'\nsummary = 'my dark'\n[palette]\nfog = '#ffffff'");
    write("mine.toml", "extends = 'dark'\n[ui]\nmuted = 'fog'");
    let mine = Theme::load("mine", dir.path(), Depth::True).unwrap();
    assert_eq!(mine.summary(), "my dark");
    assert_eq!(mine.style(Role::Muted).fg, Some(Color::Rgb(255, 255, 255)));
    assert_eq!(Theme::names(dir.path()), ["dark", "light", "high-contrast", "ansi", "mine"]);
}

#[test]
fn themes_that_extend_each_other_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a.toml"), "extends = 'b'").unwrap();
    fs::write(dir.path().join("b.toml"), "extends = 'a'").unwrap();
    let error = Theme::load("a", dir.path(), Depth::True).unwrap_err().to_string();
    assert!(error.ends_with("b.toml:1:11: key `extends`: `a` extends itself: a -> b -> a"), "{error}");
}

#[test]
fn an_unknown_name_is_answered_with_every_name() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("mine.toml"), "").unwrap();
    let error = |name| Theme::load(name, dir.path(), Depth::True).unwrap_err().to_string();
    assert_eq!(
        error("mime"),
        "`mime` is no theme: did you mean `mine`? allowed: dark, light, high-contrast, ansi, mine"
    );
    assert_eq!(error("../dark"), "`../dark` is no theme: allowed: dark, light, high-contrast, ansi, mine");
    assert_eq!(
        parse("extends = 'drak'").unwrap_err(),
        "my.toml:1:11: key `extends`: `drak` is no theme: did you mean `dark`? allowed: dark, light, high-contrast, ansi"
    );
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("mine.toml"), b"\xff").unwrap();
    let error = Theme::load("mine", dir.path(), Depth::True).unwrap_err().to_string();
    assert!(error.starts_with("cannot read the theme ") && error.contains("mine.toml: "), "{error}");
}

#[test]
fn the_readme_names_every_key_and_its_example_is_a_theme() {
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/themes/README.md")).unwrap();
    for key in Role::NAMES.iter().chain(Token::NAMES).chain(Family::NAMES) {
        assert!(readme.contains(&format!("`{key}`")), "{key}");
    }
    let example = readme.split("```toml").nth(1).unwrap().split("```").next().unwrap();
    assert_eq!(parse(example).unwrap().summary(), "dark, with quieter comments");
}
