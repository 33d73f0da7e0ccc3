//! The parts of a room that networks have.

use std::collections::HashMap;
use std::rc::{Rc, Weak};

use crate::content::parts::Room;

/// A network: see [`site`](iacp_core::guard::site).
pub type Site = [u8; 9];

/// A room, of which no network may take more than its share.
pub struct Rooms {
    whole: Rc<Room>,
    share: usize,
    parts: HashMap<Site, Weak<Room>>,
}

impl Rooms {
    /// A room of which each network may take `share` bytes.
    pub fn new(whole: Rc<Room>, share: usize) -> Self {
        Self { whole, share, parts: HashMap::new() }
    }

    /// The part of a network.
    pub fn of(&mut self, network: Site) -> Rc<Room> {
        if let Some(room) = self.parts.get(&network).and_then(Weak::upgrade) {
            return room;
        }
        self.parts.retain(|_, room| room.strong_count() > 0);
        let room = self.whole.part(self.share);
        self.parts.insert(network, Rc::downgrade(&room));
        room
    }
}
