//! A certificate authority of the test's own, and a server's certificate that it vouches for.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair};

/// Writes `certificate.pem` and `key.pem` for a server on 127.0.0.1, and returns the file to name as `tls_ca`.
/// The key is its owner's alone, as servers demand.
pub(crate) fn issue(folder: &Path) -> PathBuf {
    let authority = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::default();
    params.distinguished_name = name("Authority of a test");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = params.self_signed(&authority).expect("a certificate");
    let issuer = Issuer::from_params(&params, &authority);

    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).expect("an address");
    params.distinguished_name = name("127.0.0.1");
    let certificate = params.signed_by(&key, &issuer).expect("a certificate");

    write(&folder.join("certificate.pem"), &certificate.pem(), 0o644);
    write(&folder.join("key.pem"), &key.serialize_pem(), 0o600);
    let trusted = folder.join("authority.pem");
    write(&trusted, &root.pem(), 0o644);
    trusted
}

fn name(common: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common);
    name
}

fn write(path: &Path, pem: &str, mode: u32) {
    fs::write(path, pem).expect("a folder of our own");
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("a file of our own");
}
