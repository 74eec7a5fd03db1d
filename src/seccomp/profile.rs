//! A seccomp profile after its conditions are resolved: the OCI form.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::action::Action;
use super::arch::Arch;
use super::json::Place;

/// How an argument is compared with a value (`seccomp_rule_add(3)`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Op {
    /// Not equal.
    NotEqual,
    /// Less, unsigned.
    Less,
    /// Less or equal, unsigned.
    LessOrEqual,
    /// Equal.
    Equal,
    /// Greater or equal, unsigned.
    GreaterOrEqual,
    /// Greater, unsigned.
    Greater,
    /// The argument's bits under the mask `value` equal `value_two`.
    MaskedEqual,
}

impl Op {
    /// Every operator.
    pub const ALL: [Self; 7] = [
        Self::NotEqual,
        Self::Less,
        Self::LessOrEqual,
        Self::Equal,
        Self::GreaterOrEqual,
        Self::Greater,
        Self::MaskedEqual,
    ];

    /// The name in a profile.
    pub const fn oci_name(self) -> &'static str {
        match self {
            Self::NotEqual => "SCMP_CMP_NE",
            Self::Less => "SCMP_CMP_LT",
            Self::LessOrEqual => "SCMP_CMP_LE",
            Self::Equal => "SCMP_CMP_EQ",
            Self::GreaterOrEqual => "SCMP_CMP_GE",
            Self::Greater => "SCMP_CMP_GT",
            Self::MaskedEqual => "SCMP_CMP_MASKED_EQ",
        }
    }
}

/// A condition on one argument of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ArgCondition {
    /// Which argument, from 0 to 5.
    pub index: u8,
    /// What to compare with; the mask for [`Op::MaskedEqual`].
    pub value: u64,
    /// What the masked bits must be; of no meaning to the other operators.
    pub value_two: u64,
    /// How to compare.
    pub op: Op,
}

/// What to do with some calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The calls' names.
    pub names: Vec<String>,
    /// What to do with them.
    pub action: Action,
    /// Conditions that must all hold. Two on the *same* argument are alternatives, as runc and
    /// crun read them (opencontainers/runc issue 2735).
    pub args: Vec<ArgCondition>,
    /// Who needs the rule, for people.
    pub comment: Option<String>,
}

impl Rule {
    /// Whether two conditions look at the same argument.
    pub fn has_alternatives(&self) -> bool {
        let seen_before =
            |(at, arg): (usize, &ArgCondition)| self.args[..at].iter().any(|other| other.index == arg.index);
        self.args.iter().enumerate().any(seen_before)
    }
}

/// Something in a profile that is no mistake and yet should be known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Where.
    pub place: Place,
    /// What, in one sentence.
    pub message: String,
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// A profile as an OCI runtime gets it: every condition on the host is already decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The file name or label that it was read under.
    pub name: String,
    /// What happens to a call that no rule names.
    pub default_action: Action,
    /// The architectures it is for; empty means the kernel's own.
    pub architectures: Vec<Arch>,
    /// Flags for loading the filter, such as `SECCOMP_FILTER_FLAG_LOG`.
    pub flags: Vec<String>,
    /// The rules, in the order of the file.
    pub rules: Vec<Rule>,
    /// What a reader should know about the file.
    pub warnings: Vec<Warning>,
}

impl Profile {
    /// The `linux.seccomp` object of the OCI runtime specification.
    ///
    /// Rules keep their `comment`: Docker's form has it, and the specification
    /// ("Extensibility") makes every runtime ignore keys that it does not know.
    pub fn to_oci_json(&self) -> Value {
        let mut object = json!({ "defaultAction": self.default_action.oci_name() });
        if let Some(errno) = self.default_action.data() {
            object["defaultErrnoRet"] = errno.into();
        }
        if !self.architectures.is_empty() {
            object["architectures"] = self.architectures.iter().map(|arch| arch.oci_name()).collect();
        }
        if !self.flags.is_empty() {
            object["flags"] = self.flags.as_slice().into();
        }
        object["syscalls"] = self.rules.iter().map(rule_json).collect();
        object
    }

    /// [`Self::to_oci_json`] as indented text, for `docker run --security-opt seccomp=FILE`.
    pub fn to_oci_text(&self) -> String {
        format!("{:#}\n", self.to_oci_json())
    }
}

fn rule_json(rule: &Rule) -> Value {
    let mut object = json!({
        "names": rule.names,
        "action": rule.action.oci_name(),
    });
    if let Some(data) = rule.action.data() {
        object["errnoRet"] = data.into();
    }
    if !rule.args.is_empty() {
        object["args"] = rule.args.iter().map(arg_json).collect();
    }
    if let Some(comment) = &rule.comment {
        object["comment"] = comment.as_str().into();
    }
    object
}

pub(super) fn arg_json(arg: &ArgCondition) -> Value {
    json!({
        "index": arg.index,
        "value": arg.value,
        "valueTwo": arg.value_two,
        "op": arg.op.oci_name(),
    })
}
