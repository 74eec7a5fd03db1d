//! Taking a JSON object apart: every key is known, given once and of its type, or the mistake
//! is told with its place.

use super::json::{self, Member, Node, Place, Value};
use crate::diagnose::nearest;

/// A mistake in a profile, and where it stands.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{place}: {mistake}")]
pub struct ProfileError {
    /// Where.
    pub place: Place,
    /// What.
    pub mistake: Box<Mistake>,
}

/// What is wrong at a place of a profile. Words of the file are shown quoted and escaped.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Mistake {
    /// The text is not JSON.
    #[error("not JSON: {0}")]
    Json(String),
    /// A key that nobody reads.
    #[error("unknown key {key:?} in {within}: {}", hint(suggestion.as_deref(), allowed))]
    UnknownKey {
        /// The kind of object.
        within: &'static str,
        /// The key.
        key: String,
        /// The known key that is most like it.
        suggestion: Option<String>,
        /// The known keys.
        allowed: String,
    },
    /// A key that stands twice in one object.
    #[error("{key:?} is given twice: remove one")]
    Twice {
        /// The key.
        key: String,
    },
    /// Two keys of which only one may be given.
    #[error("both {0:?} and {1:?} are given: keep one")]
    Both(&'static str, &'static str),
    /// A key that must be there.
    #[error("{within} has no {key:?}: add it")]
    Missing {
        /// The kind of object.
        within: &'static str,
        /// The key.
        key: &'static str,
    },
    /// A value of another type.
    #[error("{what} is {found}: write {expected}")]
    Type {
        /// What the value is for.
        what: &'static str,
        /// What it is.
        found: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// A word outside a fixed list.
    #[error("unknown {what} {word:?}: {}", hint(suggestion.as_deref(), allowed))]
    UnknownWord {
        /// What the word is for.
        what: &'static str,
        /// The word.
        word: String,
        /// The known word that is most like it.
        suggestion: Option<String>,
        /// The known words.
        allowed: String,
    },
    /// A name that is no system call on any architecture.
    #[error("unknown system call {name:?}: {}", match suggestion {
        Some(near) => format!("did you mean {near:?}?"),
        None => "no architecture has it, remove it".to_owned(),
    })]
    UnknownSyscall {
        /// The name.
        name: String,
        /// The system call whose name is most like it.
        suggestion: Option<String>,
    },
    /// A number that is too great.
    #[error("{what} {number} is out of range: write 0 to {greatest}")]
    Range {
        /// What the number is for.
        what: &'static str,
        /// The number.
        number: u64,
        /// The greatest that is allowed.
        greatest: u64,
    },
    /// An errno for an action that returns none.
    #[error("{key:?} has no meaning with {action}: use SCMP_ACT_ERRNO or SCMP_ACT_TRACE, or remove it")]
    NoErrno {
        /// The key.
        key: &'static str,
        /// The action.
        action: String,
    },
    /// A capability in another spelling than the kernel's.
    #[error("{0:?} is not a capability: write it as CAP_SYS_ADMIN is written")]
    Capability(String),
    /// A kernel version that cannot be read.
    #[error(transparent)]
    Kernel(#[from] super::arch::KernelVersionError),
}

fn hint(suggestion: Option<&str>, allowed: &str) -> String {
    match suggestion {
        Some(near) => format!("did you mean {near:?}? (allowed: {allowed})"),
        None => format!("allowed: {allowed}"),
    }
}

/// Makes errors and places for one file.
#[derive(Clone, Copy)]
pub(super) struct Source<'s> {
    pub name: &'s str,
    pub text: &'s str,
}

impl<'s> Source<'s> {
    pub fn place(&self, offset: usize) -> Place {
        Place::of(self.name, self.text, offset)
    }

    pub fn error(&self, offset: usize, mistake: Mistake) -> ProfileError {
        ProfileError { place: self.place(offset), mistake: Box::new(mistake) }
    }

    /// The whole file as a tree.
    pub fn tree(&self) -> Result<Node, ProfileError> {
        json::read(self.text).map_err(|malformed| ProfileError {
            place: Place { file: self.name.to_owned(), line: malformed.line, column: malformed.column },
            mistake: Box::new(Mistake::Json(malformed.what)),
        })
    }

    fn wrong_type(&self, node: &Node, what: &'static str, expected: &'static str) -> ProfileError {
        let found = node.value.kind();
        self.error(node.offset, Mistake::Type { what, found, expected })
    }

    /// An object whose keys are all in `known`, each at most once.
    pub fn object<'n>(
        self,
        node: &'n Node,
        within: &'static str,
        known: &[&str],
    ) -> Result<Fields<'n, 's>, ProfileError> {
        let Value::Map(members) = &node.value else {
            return Err(self.wrong_type(node, within, "an object"));
        };
        for (at, Member { key, offset, .. }) in members.iter().enumerate() {
            if !known.contains(&key.as_str()) {
                let mistake = Mistake::UnknownKey {
                    within,
                    key: key.clone(),
                    suggestion: nearest(key, known.iter().copied()).map(str::to_owned),
                    allowed: known.join(", "),
                };
                return Err(self.error(*offset, mistake));
            }
            if members[..at].iter().any(|earlier| earlier.key == *key) {
                return Err(self.error(*offset, Mistake::Twice { key: key.clone() }));
            }
        }
        Ok(Fields { source: self, offset: node.offset, within, members })
    }

    pub fn list<'n>(&self, node: &'n Node, what: &'static str) -> Result<&'n [Node], ProfileError> {
        match &node.value {
            Value::List(items) => Ok(items),
            _ => Err(self.wrong_type(node, what, "a list")),
        }
    }

    pub fn text<'n>(&self, node: &'n Node, what: &'static str) -> Result<&'n str, ProfileError> {
        match &node.value {
            Value::Text(text) => Ok(text),
            _ => Err(self.wrong_type(node, what, "a string")),
        }
    }

    /// A whole number from 0 to `greatest`.
    pub fn number(&self, node: &Node, what: &'static str, greatest: u64) -> Result<u64, ProfileError> {
        let Value::Number(Some(number)) = node.value else {
            return Err(self.wrong_type(node, what, "a whole number from 0 up, without quotes"));
        };
        if number > greatest {
            let mistake = Mistake::Range { what, number, greatest };
            return Err(self.error(node.offset, mistake));
        }
        Ok(number)
    }

    /// A word that `read` knows; `allowed` lists all that it knows.
    pub fn word<T>(
        &self,
        node: &Node,
        what: &'static str,
        allowed: &[&str],
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<T, ProfileError> {
        let word = self.text(node, what)?;
        read(word).ok_or_else(|| {
            let mistake = Mistake::UnknownWord {
                what,
                word: word.to_owned(),
                suggestion: nearest(word, allowed.iter().copied()).map(str::to_owned),
                allowed: allowed.join(", "),
            };
            self.error(node.offset, mistake)
        })
    }
}

/// The keys of one object.
pub(super) struct Fields<'n, 's> {
    source: Source<'s>,
    /// Where the object begins.
    pub offset: usize,
    within: &'static str,
    members: &'n [Member],
}

impl<'n> Fields<'n, '_> {
    /// The value of a key; a `null` is no value, as in Go, which wrote many of these files.
    pub fn get(&self, key: &str) -> Option<&'n Node> {
        let member = self.members.iter().find(|member| member.key == key)?;
        (!matches!(member.node.value, Value::Null)).then_some(&member.node)
    }

    /// The value of a key that must be there.
    pub fn need(&self, key: &'static str) -> Result<&'n Node, ProfileError> {
        self.get(key).ok_or_else(|| {
            let within = self.within;
            self.source.error(self.offset, Mistake::Missing { within, key })
        })
    }

    /// The values of a list; none where the key is not given.
    pub fn items(&self, key: &'static str) -> Result<&'n [Node], ProfileError> {
        match self.get(key) {
            Some(node) => self.source.list(node, key),
            None => Ok(&[]),
        }
    }

    /// Refuses two keys that exclude each other; a list that is empty is not given.
    pub fn not_both(&self, one: &'static str, other: &'static str) -> Result<(), ProfileError> {
        let given = |key| self.get(key).filter(|node| !matches!(&node.value, Value::List(items) if items.is_empty()));
        match (given(one), given(other)) {
            (Some(_), Some(second)) => Err(self.source.error(second.offset, Mistake::Both(one, other))),
            _ => Ok(()),
        }
    }
}
