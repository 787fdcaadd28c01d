//! Proofs of possession as a server sees them (RFC 9449 §4.3), and keys that make them.

use std::future::poll_fn;
use std::mem::replace;
use std::rc::Rc;
use std::task::Poll;

use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED, ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use valet_key::client::host::ProofKey;
use valet_key::protocol::base64url;
use valet_key::protocol::error::Result as Outcome;
use valet_key::protocol::http::{HttpRequest, Method};
use valet_key::protocol::public_key::{KeyAlgorithm, PublicKey};
use valet_key::protocol::secret::Secret;

use super::text::member;
use crate::support::signing::{Curve, octets};

/// A key of a client, whose private half is here.
#[derive(Clone)]
pub(crate) struct TestKey {
    private: Rc<Private>,
    public: PublicKey,
    /// Its number in the world, which is its text.
    number: usize,
}

/// The private half, by its curve.
enum Private {
    P256(Curve),
    Ed25519(Ed25519KeyPair),
}

impl TestKey {
    pub(super) fn new(algorithm: KeyAlgorithm, number: usize) -> Self {
        let (private, jwk) = if algorithm == KeyAlgorithm::Es256 {
            let curve = Curve::new();
            let jwk = curve.jwk("");
            (Private::P256(curve), jwk)
        } else {
            let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("entropy");
            let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).expect("a key");
            let (alg, x) = (algorithm.name(), base64url::encode(pair.public_key().as_ref()));
            (Private::Ed25519(pair), format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}","alg":"{alg}"}}"#))
        };
        Self { private: Rc::new(private), public: PublicKey::from_jwk(&jwk).expect("a key"), number }
    }

    /// The text under which a guard passes it on.
    pub(super) fn text(&self) -> String {
        format!(r#"{{"number":{}}}"#, self.number)
    }
}

impl ProofKey for TestKey {
    fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Takes a moment, as Web Cryptography does.
    async fn sign(&self, data: &str) -> Outcome<Vec<u8>> {
        let mut has_waited = false;
        poll_fn(|context| {
            context.waker().wake_by_ref();
            if replace(&mut has_waited, true) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        Ok(match &*self.private {
            Private::P256(curve) => curve.sign_text(data),
            Private::Ed25519(pair) => pair.sign(data.as_bytes()).as_ref().to_vec(),
        })
    }

    fn to_jwk(&self) -> Option<Secret> {
        Some(Secret::new(self.text()))
    }
}

/// A proof whose form and signature are right.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Proof {
    /// How it is signed.
    pub(crate) alg: String,
    /// The thumbprint of its key.
    pub(crate) jkt: String,
    pub(crate) jti: String,
    pub(crate) htm: String,
    pub(crate) htu: String,
    pub(crate) iat: i64,
    /// Empty without one.
    pub(crate) nonce: String,
    pub(crate) ath: String,
}

impl Proof {
    /// Reads a proof as strictly as a server may.
    pub(crate) fn read(proof: &str) -> Self {
        let parts: Vec<&str> = proof.split('.').collect();
        let [header, claims, signature] = parts[..] else { panic!("{} parts", parts.len()) };
        let text = |part: &str| String::from_utf8(base64url::decode(part).expect("base64url")).expect("UTF-8");
        let (read, claims) = (text(header), text(claims));
        let alg = member(&read, "alg").expect("RFC 9449 §4.2");
        let begin = format!(r#"{{"typ":"dpop+jwt","alg":"{alg}","jwk":"#);
        let jwk = read.strip_prefix(&begin).and_then(|rest| rest.strip_suffix('}')).expect("RFC 9449 §4.2");
        assert!(!jwk.contains("\"d\""), "the private half");
        let key = PublicKey::from_jwk(jwk).expect("a key");
        let signed = &proof[..proof.rfind('.').expect("a signature")];
        let signature = base64url::decode(signature).expect("base64url");
        let x = octets(jwk, "x").expect("x");
        let verified = match &*alg {
            "ES256" => {
                let point = [vec![4], x, octets(jwk, "y").expect("y")].concat();
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed.as_bytes(), &signature)
            }
            "Ed25519" | "EdDSA" => UnparsedPublicKey::new(&ED25519, x).verify(signed.as_bytes(), &signature),
            other => panic!("{other}"),
        };
        verified.expect("signed");
        let claim = |name: &str| member(&claims, name).unwrap_or_default();
        let (_, iat) = claims.split_once("\"iat\":").expect("a time");
        let digits = iat.bytes().take_while(u8::is_ascii_digit).count();
        Self {
            alg,
            jkt: key.thumbprint(),
            jti: claim("jti"),
            htm: claim("htm"),
            htu: claim("htu"),
            iat: iat[..digits].parse().expect("seconds"),
            nonce: claim("nonce"),
            ath: claim("ath"),
        }
    }
}

/// What a server expects of proofs.
#[derive(Debug)]
pub(crate) struct Demands {
    /// The nonce in them; empty for none.
    pub(crate) nonce: String,
    /// Whether pages can read the headers with the nonce and the time.
    pub(crate) exposes: bool,
    /// Whether the server issues tokens that are not bound, whatever its metadata promise.
    pub(crate) issues_unbound: bool,
    /// The names of all proofs.
    seen: Vec<String>,
}

impl Default for Demands {
    fn default() -> Self {
        Self { nonce: String::new(), exposes: true, issues_unbound: false, seen: Vec::new() }
    }
}

impl Demands {
    /// `DPoP-Nonce` and `Date`, as a page can read them.
    pub(super) fn headers(&self, seconds: i64) -> (String, Option<i64>) {
        if self.exposes { (self.nonce.clone(), seconds.checked_mul(1000)) } else { (String::new(), None) }
    }

    /// Checks the proof of a request (RFC 9449 §4.3), if there is one. Without a nonce, it may be a minute old.
    pub(super) fn check(&mut self, request: &HttpRequest, seconds: i64) -> Result<Option<Proof>, &'static str> {
        let Some(proof) = &request.proof else { return Ok(None) };
        let proof = Proof::read(proof.expose());
        assert!(!self.seen.contains(&proof.jti), "each proof has a name of its own");
        self.seen.push(proof.jti.clone());
        assert_eq!(proof.htu, request.url.split(['?', '#']).next().expect("a URL"));
        assert_eq!(proof.htm, if matches!(request.method, Method::Get) { "GET" } else { "POST" });
        match () {
            () if proof.nonce != self.nonce => Err("use_dpop_nonce"),
            () if self.nonce.is_empty() && (proof.iat - seconds).abs() > 60 => Err("invalid_dpop_proof"),
            () => Ok(Some(proof)),
        }
    }
}
