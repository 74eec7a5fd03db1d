//! The profiles that are part of the program.

/// Name and text of every profile in `profiles/seccomp/`.
const SHIPPED: [(&str, &str); 3] = [
    ("docker-default", include_str!("../../profiles/seccomp/docker-default.json")),
    ("python", include_str!("../../profiles/seccomp/python.json")),
    ("seed-allowlist", include_str!("../../profiles/seccomp/seed-allowlist.json")),
];

/// Name and text of every profile that is part of the program, by name.
pub fn shipped() -> &'static [(&'static str, &'static str)] {
    &SHIPPED
}
