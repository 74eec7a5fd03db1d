//! Which entries of a growing list have changed since they were told.

/// Places in a list, each once, the one that changed first in front.
#[derive(Debug, Default)]
pub struct Untold {
    order: Vec<usize>,
    /// Whether a place stands in `order`.
    waiting: Vec<bool>,
}

impl Untold {
    /// An entry has changed.
    pub fn mark(&mut self, index: usize) {
        if self.waiting.len() <= index {
            self.waiting.resize(index + 1, false);
        }
        if !std::mem::replace(&mut self.waiting[index], true) {
            self.order.push(index);
        }
    }

    /// Whether all is told.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Hands each to `tell`, until it refuses one; the rest stay.
    pub fn flush(&mut self, mut tell: impl FnMut(usize) -> bool) {
        let mut told = 0;
        for &index in &self.order {
            if !tell(index) {
                break;
            }
            self.waiting[index] = false;
            told += 1;
        }
        self.order.drain(..told);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_change_is_told_once_in_order_and_what_was_refused_is_told_again() {
        let mut untold = Untold::default();
        for index in [4, 1, 4] {
            untold.mark(index);
        }
        let mut told = Vec::new();
        untold.flush(|index| {
            told.push(index);
            index == 4
        });
        assert_eq!(told, [4, 1]);
        untold.mark(4);
        told.clear();
        untold.flush(|index| {
            told.push(index);
            true
        });
        assert_eq!(told, [1, 4]);
        assert!(untold.is_empty());
    }
}
