//! What older clients had and this one refuses by name, with what replaced it.

/// The problem and the hint for an option, a parameter or a mode of this name, in any spelling.
pub(crate) fn replaced(name: &str) -> Option<(&'static str, &'static str)> {
    let letters = name.chars().filter(|letter| *letter != '_').map(|letter| letter.to_ascii_lowercase());
    let plain: String = letters.collect();
    Some(match plain.as_str() {
        text if text.ends_with("secret") => (
            "a page cannot keep a secret",
            "Remove it. Register this client as a public one (single-page app), or with a key: see `publicKey()`.",
        ),
        "password" | "username" | "ropc" => (
            "the password grant shows the user's password to the app",
            "Remove it: with `signIn()`, users enter their password at the provider (RFC 9700 §2.4).",
        ),
        "implicit" | "responsetype" | "responsemode" => (
            "the implicit grant shows tokens in addresses",
            "Remove it: `signIn()` uses an authorization code with PKCE (RFC 9700 §2.1.2).",
        ),
        "codechallenge" | "codechallengemethod" | "codeverifier" | "pkce" | "plain" => (
            "the client makes the verifier, and `plain` would reveal it",
            "Remove it: the client always uses `S256` (RFC 9700 §2.1.1).",
        ),
        "granttype" => ("the mode of the sign-in decides", "Remove it, and set `mode` in `signIn`."),
        _ => return None,
    })
}
