//! Records of pending sign-ins, in storage that every script of the origin can write to.

use ::url::Url as Parsed;
use valet_key::protocol::transaction::Transaction;

use super::{assert_hidden, seeds as list, text};
use crate::support::{ORIGIN, at, config, transaction};

pub(super) fn run(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let Some(transaction) = Transaction::from_record(text) else { return };
    let record = transaction.to_record();
    let again = Transaction::from_record(&record).expect("a record of ours");
    assert_eq!(again.to_record(), record);
    assert_hidden(
        &format!("{transaction:?}"),
        [transaction.state.expose(), transaction.nonce.expose(), transaction.code_verifier.expose()]
            .into_iter()
            // Members that are not secret may hold the same text.
            .filter(|secret| record.matches(secret).count() == 1),
    );
    // The browser can only go to this origin from here.
    let origin = Parsed::parse(ORIGIN).expect("an origin");
    let target = origin.join(&transaction.return_to).expect("a path");
    assert_eq!(target.origin(), origin.origin(), "{}", transaction.return_to);
    let _ = (transaction.is_of(&config()), transaction.is_expired(at(0)));
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let record = transaction().to_record();
    list([record.replace("/here?x=1#y", "/%2f/evil.test"), record.replace("/here?x=1#y", "//evil.test"), record])
}
