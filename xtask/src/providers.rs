//! Third-party providers that the tests sign in to, besides the one from npm.
//!
//! Some are written in Python, see [`python`], one comes from npm; the others are Debian's packages, and run on the machine's own interpreters.

use std::{env, process::Command};

use anyhow::{Context, Result, bail};

use crate::{
    debian::{self, Package},
    process,
};

/// The providers of the stories, as a list of names; all of them if the variable is not set.
pub const CHOICE: &str = "VALET_KEY_PROVIDERS";

/// Bluesky's server, from npm.
const ATPROTO: &str = "atproto";

struct Provider {
    name: &'static str,
    /// A command that succeeds if the provider is installed.
    probe: &'static [&'static str],
    /// Empty for those from Python's package index.
    packages: &'static [Package],
}

const PROVIDERS: [Provider; 7] = [
    Provider {
        name: ATPROTO,
        probe: &["g++", "--version"],
        packages: &[
            Package { name: "g++", reason: "compiles the database of Bluesky's server, which the tests sign in to" },
            Package { name: "make", reason: "as above" },
        ],
    },
    python("canaille"),
    python("django-oauth-toolkit"),
    python("django-oidc-provider"),
    Provider {
        name: "doorkeeper",
        probe: &["ruby", "-e", "%w[doorkeeper activerecord sqlite3 rack-cors puma].each { |name| gem name }"],
        packages: &[
            Package { name: "ruby-doorkeeper", reason: "an OAuth 2 provider for Rails that the tests sign in to" },
            Package { name: "ruby-activerecord", reason: "the database layer of Doorkeeper" },
            Package { name: "ruby-sqlite3", reason: "the database of Doorkeeper" },
            Package { name: "ruby-rack-cors", reason: "lets pages of other origins call Doorkeeper" },
            Package { name: "puma", reason: "serves it" },
        ],
    },
    Provider {
        name: "glewlwyd",
        probe: &["glewlwyd", "--version"],
        packages: &[Package { name: "glewlwyd", reason: "an OpenID provider in C that the tests sign in to" }],
    },
    Provider {
        name: "lemonldap-ng",
        probe: &[
            "perl",
            "-MLemonldap::NG::Portal::Captcha::SecurityImage",
            "-MLemonldap::NG::Portal::Issuer::OpenIDConnect",
            "-e1",
        ],
        packages: &[
            Package {
                name: "liblemonldap-ng-portal-perl",
                reason: "LemonLDAP::NG, an OpenID provider in Perl that the tests sign in to",
            },
            Package { name: "libio-string-perl", reason: "LemonLDAP::NG needs it for OpenID Connect" },
            Package { name: "libstring-random-perl", reason: "LemonLDAP::NG needs it for OpenID Connect" },
            Package { name: "libgd-securityimage-perl", reason: "LemonLDAP::NG does not start without it" },
            Package { name: "libimage-magick-perl", reason: "needed by libgd-securityimage-perl" },
        ],
    },
];

const fn python(name: &'static str) -> Provider {
    Provider { name, probe: &[], packages: &[] }
}

/// The providers that the environment names.
pub struct Chosen(Vec<&'static Provider>);

impl Chosen {
    /// # Errors
    ///
    /// If it names an unknown provider.
    pub fn from_env() -> Result<Self> {
        env::var(CHOICE).map_or_else(|_| Ok(Self(PROVIDERS.iter().collect())), |choice| Self::named(&choice))
    }

    fn named(choice: &str) -> Result<Self> {
        let find = |name: &str| {
            let known = || PROVIDERS.map(|provider| provider.name).join(", ");
            let provider = PROVIDERS.iter().find(|provider| provider.name == name);
            provider.with_context(|| format!("{CHOICE} names `{name}`; the providers are {}", known()))
        };
        choice.split(',').map(str::trim).map(find).collect::<Result<_>>().map(Self)
    }

    /// Whether Bluesky's server is among them, which [`Node::install_atproto`](crate::node::Node::install_atproto) installs.
    pub fn has_atproto(&self) -> bool {
        self.0.iter().any(|provider| provider.name == ATPROTO)
    }

    /// Whether all providers are chosen.
    pub fn is_all(&self) -> bool {
        self.0.len() == PROVIDERS.len()
    }

    /// Their names, in the form for the stories.
    pub fn names(&self) -> String {
        self.0.iter().map(|provider| provider.name).collect::<Vec<_>>().join(",")
    }

    /// The packages of the missing providers.
    pub fn packages(&self) -> Vec<Package> {
        self.missing().flat_map(|provider| provider.packages).copied().collect()
    }

    /// Makes sure that they are installed; installs them if it is allowed to.
    pub fn install(&self) -> Result<()> {
        let packages = self.packages();
        if packages.is_empty() {
            return Ok(());
        }
        if debian::is_here() {
            debian::install(&packages).with_context(|| format!("{CHOICE} can exclude the missing providers"))?;
        }
        match self.missing().next() {
            None => Ok(()),
            Some(provider) => bail!("{} is missing: install it, or remove it from {CHOICE}", provider.name),
        }
    }

    fn missing(&self) -> impl Iterator<Item = &&'static Provider> {
        self.0.iter().filter(|provider| !provider.is_here())
    }
}

impl Provider {
    fn is_here(&self) -> bool {
        let Some((program, arguments)) = self.probe.split_first() else { return true };
        process::ask(Command::new(program).args(arguments)).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::Chosen;

    #[test]
    fn providers_are_chosen_by_name() {
        let rows = [
            ("glewlwyd", Some("glewlwyd")),
            ("lemonldap-ng, canaille", Some("lemonldap-ng,canaille")),
            ("keycloak", None),
            ("", None),
        ];
        for (choice, expected) in rows {
            let names = Chosen::named(choice).ok().map(|chosen| chosen.names());
            assert_eq!(names.as_deref(), expected, "{choice}");
        }
    }
}
