//! What a registry wants to see before it answers: the header `WWW-Authenticate` (RFC 9110, and Docker's token
//! authentication). Pure.

/// How to ask again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// With user and password.
    Basic,
    /// With a token, which is to be had at an address.
    Bearer { realm: String, service: Option<String> },
}

impl Challenge {
    /// Reads the header; none where it asks for something else.
    pub(super) fn parse(header: &str) -> Option<Self> {
        let (scheme, rest) = header.trim().split_once(' ').unwrap_or((header.trim(), ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return Some(Self::Basic);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let (mut realm, mut service, mut rest) = (None, None, rest);
        while let Some((name, value, left)) = parameter(rest) {
            match name.to_ascii_lowercase().as_str() {
                "realm" => realm = Some(value),
                "service" => service = Some(value),
                _ => {}
            }
            rest = left;
        }
        Some(Self::Bearer { realm: realm?, service })
    }
}

/// The first `name="value"` of a list, and what follows it.
fn parameter(text: &str) -> Option<(&str, String, &str)> {
    let (name, rest) = text.trim_start_matches([' ', ',']).split_once('=')?;
    let Some(quoted) = rest.strip_prefix('"') else {
        let (value, rest) = rest.split_once(',').unwrap_or((rest, ""));
        return Some((name.trim(), value.trim().to_owned(), rest));
    };
    let (mut value, mut characters) = (String::new(), quoted.char_indices());
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((name.trim(), value, &quoted[at + 1..])),
            '\\' => value.extend(characters.next().map(|(_, character)| character)),
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_address_of_tokens_is_read() {
        let header = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="a,b""#;
        let (realm, service) = ("https://auth.docker.io/token".to_owned(), Some("registry.docker.io".to_owned()));
        assert_eq!(Challenge::parse(header), Some(Challenge::Bearer { realm, service }));
        assert_eq!(Challenge::parse(r#"basic realm="x""#), Some(Challenge::Basic));
        let loose = Challenge::parse(r#"BEARER error=x , Realm="a\"b""#);
        assert_eq!(loose, Some(Challenge::Bearer { realm: "a\"b".to_owned(), service: None }));
        for header in ["", "Negotiate", "Bearer", "Bearer service=\"x\"", "Bearer realm=\"x"] {
            assert_eq!(Challenge::parse(header), None, "{header}");
        }
    }

    proptest! {
        #[test]
        fn no_header_makes_it_panic(header in ".*") {
            let _ = Challenge::parse(&format!("Bearer {header}"));
        }
    }
}
