//! Which key: its id as an argument, and where it is in the operator API.
//!
//! It must never repeat what was typed in place of an id: it could be a whole key.

use bastion_types::{ApiKey, KeyId};
use clap::Args;

use crate::exit::Exit;
use crate::operator::Failure;

/// Where every key of the operator API is.
pub(super) const PATH: &str = "/admin/v1/keys";

/// One key's id, as an argument.
#[derive(Debug, Args)]
pub(super) struct KeyArgument {
    /// The key's id, as `bastion keys list` shows it
    #[arg(value_name = "ID")]
    id: String,
}

impl KeyArgument {
    /// The id. What was typed is not repeated: it could be a whole key.
    pub(super) fn parse(&self) -> Result<KeyId, Failure> {
        let what = match (KeyId::parse(&self.id), ApiKey::parse(&self.id)) {
            (Some(id), _) => return Ok(id),
            (None, Ok(key)) => {
                format!("this is a whole key; name it by its id, which is {}", key.id())
            }
            (None, Err(_)) => {
                "this is no key's id: those have 12 letters and digits; 'bastion keys list' shows \
                 them"
                    .to_owned()
            }
        };
        Err(Failure::new(Exit::Usage, what))
    }
}

/// Where one key is.
pub(super) fn path_of(id: KeyId) -> String {
    format!("{PATH}/{id}")
}

#[cfg(test)]
mod tests {
    use bastion_types::EnvironmentName;

    use super::*;

    #[test]
    fn a_whole_key_in_place_of_an_id_is_told_and_not_repeated() {
        let key = ApiKey::generate(&EnvironmentName::parse("dev").unwrap()).unwrap();
        let whole = key.reveal();
        let failure = KeyArgument { id: whole.to_owned() }.parse().unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
        assert!(!failure.message.contains(whole));
        assert!(KeyArgument { id: "4kXq81mZp0Ba".into() }.parse().is_ok());
        let failure = KeyArgument { id: "../../config".into() }.parse().unwrap_err();
        assert!(failure.message.contains("keys list"), "{}", failure.message);
    }
}
