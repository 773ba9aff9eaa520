//! The secret of a workspace, from which Message-IDs and unsubscribe tokens are made.
//!
//! It is made once and never changes: with another one, the tokens in all letters sent so far would be
//! worthless, and a message sent once more would have another Message-ID.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use crate::mail::AddressKey;

use super::error::StoreError;
use super::folder::{Folder, new_file, sync_parent};

/// The version of the file: one octet before the secret.
const VERSION: u8 = 1;

/// What the secret is used for here, and for nothing else.
const SEALING: &str = "mailrun 2026 seals of the addresses of purged plans";

/// An address that only who has the secret can recognise. Never all zeros.
pub type Seal = [u8; 16];

/// 32 octets that only this workspace knows. `Debug` does not show them.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys {
    secret: [u8; 32],
}

impl Keys {
    /// Reads the secret of the state folder, or makes one. Needs no lock: of two who make one, both get
    /// the first.
    ///
    /// # Errors
    /// The state folder may not be used, the file is damaged, or it cannot be made.
    pub fn open(state: &Path) -> Result<Self, StoreError> {
        let (folder, _) = Folder::prepare(state)?;
        let path = folder.root().join("keys");
        if !path.exists() {
            make(&path)?;
        }
        let octets = fs::read(&path).map_err(|error| StoreError::io("read", &path, error))?;
        let damaged = |what| StoreError::Damaged { file: path.clone(), offset: 0, what };
        match octets.split_first() {
            Some((&VERSION, secret)) => {
                let secret = secret.try_into().map_err(|_| damaged("a key of another length"))?;
                Ok(Self { secret })
            }
            Some((version, _)) => Err(StoreError::Newer { file: path, version: *version }),
            None => Err(damaged("the file is empty")),
        }
    }

    /// What stands for an address where nobody may learn it, not even by trying addresses: a hash that only
    /// who has this secret can make.
    pub fn seal(&self, address: AddressKey) -> Seal {
        let key = blake3::derive_key(SEALING, &self.secret);
        let hash = blake3::keyed_hash(&key, &address.0.to_be_bytes());
        let (head, _) = hash.as_bytes().split_first_chunk::<16>().expect("a hash has 32 octets");
        *head
    }

    /// The secret itself.
    pub fn secret(&self) -> &[u8; 32] {
        &self.secret
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Keys(..)")
    }
}

fn make(path: &Path) -> Result<(), StoreError> {
    let failed = |error| StoreError::io("make", path, error);
    let mut octets = [VERSION; 33];
    aws_lc_rs::rand::fill(&mut octets[1..]).map_err(|_| failed(io::Error::other("no random numbers")))?;
    let fresh = path.with_extension(format!("new-{}", std::process::id()));
    // One that an earlier process of this number left behind.
    let _ = fs::remove_file(&fresh);
    let mut file = new_file(&fresh)?;
    file.write_all(&octets).and_then(|()| file.sync_all()).map_err(failed)?;
    // A link takes no name that is taken.
    match fs::hard_link(&fresh, path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(failed(error)),
    }
    fs::remove_file(&fresh).map_err(failed)?;
    sync_parent(path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_secret_is_made_once_and_read_by_nobody_else() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join(".mailrun");
        let first = Keys::open(&state).unwrap();
        assert_eq!(Keys::open(&state).unwrap(), first);
        assert_ne!(first.secret(), &[0; 32]);
        let mode = fs::metadata(state.join("keys")).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
        assert_eq!(format!("{first:?}"), "Keys(..)");
    }

    #[test]
    fn a_seal_is_made_of_the_address_and_the_secret() {
        let keys = [Keys { secret: [1; 32] }, Keys { secret: [2; 32] }];
        let seals = keys.clone().map(|keys| keys.seal(AddressKey(7)));
        assert_ne!(seals[0], seals[1]);
        assert_ne!(seals[0], keys[0].seal(AddressKey(8)));
        // Seals that are on disk must be recognised for ever.
        assert_eq!(u128::from_be_bytes(seals[0]), 0x3f4a_853d_12d5_88a2_8938_fefa_3c9c_41bd);
    }

    #[test]
    fn a_short_key_is_damage() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join(".mailrun");
        Keys::open(&state).unwrap();
        fs::write(state.join("keys"), [1, 2, 3]).unwrap();
        assert!(matches!(Keys::open(&state), Err(StoreError::Damaged { .. })));
    }
}
