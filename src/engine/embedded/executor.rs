//! How libcontainer's process 1 becomes the cell's command: with the environment that was asked for and nothing added,
//! and with the filter put on last of all, so that no call of libcontainer's own has to pass it.

use std::collections::HashMap;
use std::path::Path;

use libcontainer::oci_spec::runtime::{LinuxSeccomp, Spec};
use libcontainer::seccomp::initialize_seccomp;
use libcontainer::workload::default::get_executor;
use libcontainer::workload::{Executor, ExecutorError, ExecutorSetEnvsError, ExecutorValidationError};

/// The library's own way, but that it wants a `PATH` and adds a `HOME`.
#[derive(Clone)]
pub struct Exact {
    /// The whole environment.
    env: HashMap<String, String>,
    /// The filter that the engine itself puts on.
    filter: Option<LinuxSeccomp>,
}

impl Exact {
    /// With the environment and the filter of a bundle's `config.json`; the filter is taken out of it.
    pub fn of(config: &mut Spec) -> Self {
        let mut linux = config.linux().clone();
        let filter = linux.as_mut().and_then(|linux| linux.seccomp().clone());
        if let Some(linux) = &mut linux {
            linux.set_seccomp(None);
        }
        config.set_linux(linux);
        let env = config.process().as_ref().and_then(|process| process.env().as_ref());
        let pair = |variable: &String| {
            let (name, value) = variable.split_once('=')?;
            Some((name.to_owned(), value.to_owned()))
        };
        Self { env: env.into_iter().flatten().filter_map(pair).collect(), filter }
    }
}

impl Executor for Exact {
    fn exec(&self, spec: &Spec) -> Result<(), ExecutorError> {
        if let Some(filter) = &self.filter {
            confine(filter).map_err(|error| {
                // Nobody else hears of it any more.
                eprintln!("hotcell: the seccomp filter could not be put on: {error}");
                error
            })?;
        }
        get_executor().exec(spec)
    }

    fn validate(&self, spec: &Spec) -> Result<(), ExecutorValidationError> {
        let args = spec.process().as_ref().and_then(|process| process.args().as_ref());
        let program = args.and_then(|args| args.first()).map_or("", String::as_str);
        if self.env.contains_key("PATH") || !program.starts_with('/') {
            return get_executor().validate(spec);
        }
        if Path::new(program).exists() {
            return Ok(());
        }
        Err(ExecutorValidationError::ArgValidationError(format!("there is no {program} in the cell")))
    }

    fn setup_envs(&self, _with_home: HashMap<String, String>) -> Result<(), ExecutorSetEnvsError> {
        get_executor().setup_envs(self.env.clone())
    }
}

/// Puts the filter on. Without `no_new_privs` only `CAP_SYS_ADMIN` may, and it is gone by now as a rule: then the filter
/// brings `no_new_privs`, as under the shim.
fn confine(filter: &LinuxSeccomp) -> Result<(), ExecutorError> {
    let put_on = || initialize_seccomp(filter).map(|_| ());
    put_on()
        .or_else(|refused| match rustix::thread::set_no_new_privs(true) {
            Ok(()) => put_on(),
            Err(_) => Err(refused),
        })
        .map_err(|error| ExecutorError::Other(error.to_string()))
}
