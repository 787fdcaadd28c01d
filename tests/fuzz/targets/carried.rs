//! What the `state` of a sign-in through the guard carries, which anyone can forge.

use ::url::Url as Parsed;
use valet_key::protocol::carried::Carried;

use super::{seeds as list, text};
use crate::support::{ORIGIN, at};

pub(super) fn run(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let Some(carried) = Carried::from_text(text) else { return };
    assert_eq!(Carried::from_text(&carried.to_text()).as_ref(), Some(&carried));
    // The browser can only go to this origin from here.
    let origin = Parsed::parse(ORIGIN).expect("an origin");
    let target = origin.join(&carried.return_to).expect("a path");
    assert_eq!(target.origin(), origin.origin(), "{}", carried.return_to);
    let state = ["vk.random.", &carried.to_state()].concat();
    let again = Carried::from_state(&state).expect("a state of ours").again(at(0));
    assert!(again.is_second && !again.may_be_asked_again(at(0)), "there is no third request");
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let carried = Carried {
        flow: "vk.flow".into(),
        return_to: "/here?x=1#y".into(),
        scope: "read".into(),
        restores: false,
        is_second: false,
        started: 1,
        params: vec![("prompt".into(), "login".into())],
    };
    list([carried.to_text(), Carried { return_to: "//evil.test".into(), ..carried }.to_text()])
}
