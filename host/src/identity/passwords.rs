//! Passwords: argon2id with OWASP's parameters. Knows neither their users nor how many are
//! hashed at the same time; see `hashing`.

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};

/// The shortest password, in characters.
pub const PASSWORD_LENGTH_MIN: usize = 8;

/// 19 MiB, two passes, one lane: OWASP's first choice for argon2id.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// The length of a hash, in bytes.
const OUTPUT_BYTES: usize = 32;
/// Hashed with the password of an unknown user, so that the time is the same.
const DECOY_SALT: [u8; 16] = [0; 16];

/// Hashes passwords one after another in the same memory.
#[derive(Default)]
pub(super) struct Hasher {
    /// Empty until the first hash.
    blocks: Vec<Block>,
}

/// A stored hash, ready to compare.
struct Stored {
    params: Params,
    salt: Salt,
    output: Output,
}

impl Stored {
    /// Reads a PHC string. Parameters that take more memory or time than those that
    /// the host hashes with are refused: write access to the database must not
    /// decide the cost of a sign-in.
    fn read(text: &str) -> Result<Self, String> {
        let parsed = PasswordHash::new(text).map_err(|error| error.to_string())?;
        let params = Params::try_from(&parsed).map_err(|error| error.to_string())?;
        let version = u32::from(Version::V0x13);
        if parsed.algorithm != Algorithm::Argon2id.ident()
            || parsed.version.unwrap_or(version) != version
        {
            return Err("it is not of argon2id in its version 19".to_owned());
        }
        let work = u64::from(params.m_cost()) * u64::from(params.t_cost());
        let work_max = u64::from(MEMORY_KIB) * u64::from(PASSES);
        if params.m_cost() > MEMORY_KIB || work > work_max {
            return Err(format!(
                "its parameters m={},t={} take more than m={MEMORY_KIB},t={PASSES}",
                params.m_cost(),
                params.t_cost()
            ));
        }
        match (parsed.salt, parsed.hash) {
            (Some(salt), Some(output)) => Ok(Self {
                params,
                salt,
                output,
            }),
            _ => Err("it has no salt or no hash".to_owned()),
        }
    }
}

impl Hasher {
    /// Returns a PHC string with a random salt.
    pub(super) fn hash(&mut self, password: &str) -> Result<String, String> {
        let params = own_params();
        let salt = Salt::generate();
        let output = self
            .output(password, &salt, &params, OUTPUT_BYTES)
            .map_err(|error| error.to_string())?;
        let hash = PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(&params).map_err(|error| error.to_string())?,
            salt: Some(salt),
            hash: Some(output),
        };
        Ok(hash.to_string())
    }

    /// Whether a password matches a hash; `false` without a hash, after the same time.
    pub(super) fn verify(&mut self, password: &str, hash: Option<&str>) -> bool {
        let stored = hash.map(Stored::read).transpose();
        let stored = stored.unwrap_or_else(|reason| {
            tracing::error!(
                reason,
                "a stored hash of a password cannot be used: create that user anew"
            );
            None
        });
        let Some(stored) = stored else {
            // The output is not compared.
            let _ = self.output(password, &DECOY_SALT, &own_params(), OUTPUT_BYTES);
            return false;
        };
        // Outputs are compared in constant time.
        self.output(password, &stored.salt, &stored.params, stored.output.len())
            .is_ok_and(|output| output == stored.output)
    }

    fn output(
        &mut self,
        password: &str,
        salt: &[u8],
        params: &Params,
        bytes: usize,
    ) -> argon2::password_hash::Result<Output> {
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
        let blocks = params.block_count();
        if self.blocks.len() < blocks {
            self.blocks.resize_with(blocks, Block::default);
        }
        let mut buffer = [0; Output::MAX_LENGTH];
        let out = buffer
            .get_mut(..bytes)
            .ok_or(argon2::password_hash::Error::OutputSize)?;
        argon2.hash_password_into_with_memory(
            password.as_bytes(),
            salt,
            out,
            &mut self.blocks[..blocks],
        )?;
        Ok(Output::new(out)?)
    }
}

fn own_params() -> Params {
    Params::new(MEMORY_KIB, PASSES, LANES, Some(OUTPUT_BYTES)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use argon2::PasswordHasher;

    /// A hash that the crate's own function stores, with other parameters.
    fn stored(params: Params) -> String {
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        argon2
            .hash_password(b"correct horse")
            .map(|hash| hash.to_string())
            .unwrap()
    }

    #[test]
    fn a_password_is_the_one_that_was_hashed_and_no_other() {
        let mut hasher = Hasher::default();
        let hash = hasher.hash("correct horse").unwrap();
        assert!(
            hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hash}"
        );
        assert!(hasher.verify("correct horse", Some(&hash)));
        assert!(!hasher.verify("wrong horse", Some(&hash)));
        assert!(!hasher.verify("correct horse", None));
        assert_ne!(hasher.hash("correct horse").unwrap(), hash, "salts differ");
    }

    #[test]
    fn hashes_that_were_stored_in_another_way_are_taken_up_to_the_hosts_own_cost() {
        let mut hasher = Hasher::default();
        let own = stored(Params::new(MEMORY_KIB, PASSES, LANES, None).unwrap());
        let lesser = stored(Params::new(7 * 1024, 5, 1, Some(16)).unwrap());
        for hash in [own, lesser] {
            assert!(hasher.verify("correct horse", Some(&hash)), "{hash}");
            assert!(!hasher.verify("wrong horse", Some(&hash)), "{hash}");
        }
        // The decoy of one call is not mistaken for the hash of another.
        assert!(!hasher.verify("", None));
    }

    #[test]
    fn a_stored_hash_does_not_decide_the_cost_of_a_sign_in() {
        let mut hasher = Hasher::default();
        let hash = hasher.hash("correct horse").unwrap();
        for costly in [
            "m=4194304,t=2,p=1",
            "m=19456,t=4000000000,p=1",
            "m=19456,t=3,p=1",
        ] {
            let costly = hash.replace("m=19456,t=2,p=1", costly);
            assert!(!hasher.verify("correct horse", Some(&costly)), "{costly}");
        }
        let own = own_params().block_count();
        assert_eq!(hasher.blocks.len(), own, "no more memory was taken");
        for nonsense in [
            "",
            "$",
            "plain",
            "$argon2i$v=19$m=8,t=1,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAA",
        ] {
            assert!(
                !hasher.verify("correct horse", Some(nonsense)),
                "{nonsense}"
            );
        }
    }
}
