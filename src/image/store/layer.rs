//! Puts layers into a root, one over the other, with their whiteouts (image-spec, layer.md).

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write};

use super::entry::{EntryPath, Request};
use super::error::{Fault, while_doing};
use super::limits;
use super::root::{Owner, Place, Root, link_target};
use super::tape::{Kind, Member, Tape};
use super::tree;
use crate::text::visible;

/// Unpacks an image's layers, and counts over all of them.
pub(super) struct Unpacker<'a> {
    root: &'a Root,
    entries: u64,
    /// Of all files, those that a later layer replaced or removed among them.
    pub bytes: u64,
    /// Devices and FIFOs, which are not made: a cell has its own `/dev`.
    pub left_out: u64,
}

/// What the layer that is being unpacked has put so far: names, by the inode of their directory. Whiteouts take away
/// what lower layers have, in whatever order the entries come.
type Written = HashSet<(u64, OsString)>;

impl<'a> Unpacker<'a> {
    pub(super) fn new(root: &'a Root) -> Self {
        Self { root, entries: 0, bytes: 0, left_out: 0 }
    }

    /// Unpacks one layer over those before; `what` names it in errors.
    ///
    /// # Errors
    /// An entry that no honest layer has, more than is taken, or what the system says.
    pub(super) fn layer(&mut self, tape: &mut Tape<impl Read>, what: &str) -> Result<(), Fault> {
        let mut written = Written::new();
        while let Some(member) = tape.next()? {
            self.entries += 1;
            if self.entries > limits::ENTRIES {
                let most = format!("{} entries", limits::ENTRIES);
                return Err(Fault::TooMuch { what: "the image".to_owned(), most });
            }
            self.bytes = self.bytes.saturating_add(member.size);
            if self.bytes > limits::UNPACKED.0 {
                return Err(Fault::too_large("the image, unpacked,", limits::UNPACKED));
            }
            self.entry(tape, &member, &mut written).map_err(|problem| match problem {
                Problem::Refused(why) => {
                    Fault::Entry { what: what.to_owned(), entry: member.path.clone(), why: why.to_owned() }
                }
                Problem::System(error) => while_doing(format!("unpacking {} of {what}", visible(&member.path)))(error),
                Problem::Stream(fault) => fault,
            })?;
        }
        Ok(())
    }

    fn entry(&mut self, tape: &mut Tape<impl Read>, member: &Member, written: &mut Written) -> Result<(), Problem> {
        let path = EntryPath::parse(&member.path)?;
        match path.request()? {
            Request::Root if member.kind == Kind::Directory => Ok(self.root.dress_top(owner(member)?)?),
            Request::Root => Err(Problem::Refused("in the place of the root")),
            Request::Ignore => Ok(()),
            Request::Remove(name) => Ok(self.remove(&path, &[name], written)?),
            Request::Clear => {
                let Some(directory) = self.root.directory_if_any(path.parent())? else { return Ok(()) };
                let names = tree::names(tree::open_directory(&directory, ".")?)?;
                Ok(self.remove(&path, &names, written)?)
            }
            Request::Put if member.kind == Kind::Node => {
                self.left_out += 1;
                Ok(())
            }
            Request::Put => {
                let mut made = |inode, name: &OsStr| {
                    written.insert((inode, name.to_owned()));
                };
                let Some(place) = self.root.place(&path, &mut made)? else { return Ok(()) };
                written.insert((place.inode, place.name.to_owned()));
                self.put(tape, member, &place)
            }
        }
    }

    /// Removes what lower layers have under these names beside the entry.
    fn remove(&self, path: &EntryPath, names: &[OsString], written: &Written) -> io::Result<()> {
        let Some(directory) = self.root.directory_if_any(path.parent())? else { return Ok(()) };
        let keep = |inode: u64, name: &OsStr| written.contains(&(inode, name.to_owned()));
        names.iter().try_for_each(|name| tree::remove(&directory, name, &keep))
    }

    fn put(&self, tape: &mut Tape<impl Read>, member: &Member, place: &Place) -> Result<(), Problem> {
        let owner = owner(member)?;
        match member.kind {
            Kind::Directory => Ok(self.root.put_directory(place, owner)?),
            Kind::Symlink => Ok(self.root.put_symlink(place, link_target(&member.link)?, owner)?),
            Kind::HardLink => {
                let target = EntryPath::parse(&member.link).map_err(|_| "a hard link that leads out of the image")?;
                Ok(self.root.put_hard_link(place, &target)?)
            }
            Kind::File => {
                let mut file = place.put_file()?;
                copy(tape, &mut file)?;
                Ok(self.root.finish_file(&file, owner, i64::try_from(member.mtime).unwrap_or(0))?)
            }
            Kind::Node => Ok(()),
        }
    }
}

/// Copies an entry's data, and tells whose fault it is where that fails.
fn copy(tape: &mut Tape<impl Read>, file: &mut File) -> Result<(), Problem> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match tape.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(read) => file.write_all(&buffer[..read])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Problem::Stream(tape.unread(error))),
        }
    }
}

fn owner(member: &Member) -> Result<Owner, Problem> {
    // The highest number means "none" to chown(2).
    let id =
        |id: u64| u32::try_from(id).ok().filter(|&id| id < u32::MAX).ok_or("with an owner that Linux does not have");
    Ok(Owner { uid: id(member.uid)?, gid: id(member.gid)?, mode: member.mode })
}

/// Why an entry was not unpacked.
enum Problem {
    Refused(&'static str),
    System(io::Error),
    Stream(Fault),
}

impl From<&'static str> for Problem {
    fn from(why: &'static str) -> Self {
        Self::Refused(why)
    }
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

#[cfg(test)]
mod tests;
