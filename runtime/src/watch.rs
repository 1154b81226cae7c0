//! When the ring buffer is looked into.
//!
//! While events come, the runtime looks by itself every few milliseconds and programs wake nobody; when none came for a while it asks to
//! be woken. So the first event after a silence is seen at once, and those that follow cost the traced program no wake-up.

use std::time::Duration;

/// How long the ring buffer is left alone between two looks into it while events come. A wake-up costs the traced program more than
/// all else that an event does, so programs do without it as long as there is somebody who looks by himself.
const NAP: Duration = Duration::from_millis(2);

/// How long a program that has seen us looking may take until its record is there.
const SETTLE: Duration = Duration::from_millis(1);

/// How long to wait when nothing happens: losses are told as often.
const LONGEST: Duration = Duration::from_secs(1);

/// How the ring buffer is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    /// Events come faster than they are read: at once.
    Reading,
    /// Every [`NAP`]; programs wake nobody.
    Looking,
    /// Programs are told to wake us again, but one may not have seen that yet.
    Settling,
    /// Until we are woken.
    Waiting,
}

impl Watch {
    /// After a look into the ring.
    pub fn next(self, found: Found) -> Watch {
        match (found, self) {
            (Found::Much, _) => Watch::Reading,
            (Found::Some, _) => Watch::Looking,
            (Found::Nothing, Watch::Reading | Watch::Looking) => Watch::Settling,
            (Found::Nothing, Watch::Settling | Watch::Waiting) => Watch::Waiting,
        }
    }

    /// Whether programs need not wake us.
    pub fn is_awake(self) -> bool {
        matches!(self, Watch::Reading | Watch::Looking)
    }

    /// How long to wait for other things before the next look.
    pub fn patience(self) -> Duration {
        match self {
            Watch::Reading => Duration::ZERO,
            Watch::Looking => NAP,
            Watch::Settling => SETTLE,
            Watch::Waiting => LONGEST,
        }
    }
}

/// What was in the ring buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    Nothing,
    /// Something.
    Some,
    /// So much that the next may not wait.
    Much,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_puts_to_sleep_by_way_of_a_last_look() {
        let mut watch = Watch::Looking;
        let seen: Vec<Watch> = [Found::Some, Found::Nothing, Found::Nothing, Found::Nothing, Found::Some]
            .into_iter()
            .map(|found| {
                watch = watch.next(found);
                watch
            })
            .collect();
        assert_eq!(seen, [Watch::Looking, Watch::Settling, Watch::Waiting, Watch::Waiting, Watch::Looking]);
        assert_eq!(Watch::Settling.next(Found::Much), Watch::Reading);
        assert!(Watch::Looking.is_awake() && !Watch::Settling.is_awake() && !Watch::Waiting.is_awake());
    }
}
