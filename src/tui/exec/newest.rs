//! A place for one thing between two threads, where a newer one replaces the one that still waits.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

/// Puts things there.
pub(super) struct Put<T> {
    place: Arc<Mutex<Option<T>>>,
    wake: SyncSender<()>,
}

/// Takes them.
pub(super) struct Take<T> {
    place: Arc<Mutex<Option<T>>>,
    woken: Receiver<()>,
}

/// A new place.
pub(super) fn newest<T>() -> (Put<T>, Take<T>) {
    let place = Arc::new(Mutex::new(None));
    let (wake, woken) = sync_channel(1);
    (Put { place: Arc::clone(&place), wake }, Take { place, woken })
}

impl<T> Put<T> {
    /// Puts a thing there, in the place of one that nobody has taken yet.
    pub(super) fn put(&self, thing: T) {
        *self.place.lock().unwrap_or_else(PoisonError::into_inner) = Some(thing);
        // Whoever is woken already, or gone, need not be woken.
        let _ = self.wake.try_send(());
    }
}

impl<T> Take<T> {
    /// Waits for a thing; `None` once nobody is left to put one.
    pub(super) fn take(&self) -> Option<T> {
        loop {
            self.woken.recv().ok()?;
            let thing = self.place.lock().unwrap_or_else(PoisonError::into_inner).take();
            if thing.is_some() {
                return thing;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Weak;

    use super::*;

    #[test]
    fn only_the_newest_waits() {
        let (put, take) = newest();
        let things: Vec<Weak<u32>> = (0..3)
            .map(|number| {
                let thing = Arc::new(number);
                let weak = Arc::downgrade(&thing);
                put.put(thing);
                weak
            })
            .collect();
        assert_eq!(things.iter().filter_map(Weak::upgrade).count(), 1, "the others take no memory");
        assert_eq!(take.take().as_deref(), Some(&2));
        put.put(Arc::new(3));
        drop(put);
        assert_eq!(take.take().as_deref(), Some(&3), "the last one is not lost");
        assert_eq!(take.take(), None);
    }
}
