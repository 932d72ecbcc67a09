//! `env:NAME`: a variable of the process's environment.
//!
//! It must never be written back, nor handed to a child process by us.

use bastion_config::SecretReference;

use super::{References, ResolveError};

pub(super) struct Env;

impl References for Env {
    fn read(&self, reference: &SecretReference) -> Option<Result<String, ResolveError>> {
        let SecretReference::Env(name) = reference else { return None };
        Some(std::env::var(name).map_err(|cause| match cause {
            std::env::VarError::NotPresent => ResolveError::Absent(
                reference.to_string(),
                "set the variable for the gateway's process and restart it",
            ),
            std::env::VarError::NotUnicode(_) => {
                ResolveError::Unusable(reference.to_string(), "is not text")
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_that_is_not_set_is_told_by_its_name() {
        let reference = SecretReference::Env("BASTION_TEST_NO_SUCH_VARIABLE".into());
        let told = Env.read(&reference).unwrap().unwrap_err();
        assert!(!told.forbids_start());
        assert!(told.to_string().starts_with("env:BASTION_TEST_NO_SUCH_VARIABLE"), "{told}");
        assert_eq!(Env.read(&SecretReference::File("x".into())), None);
    }
}
