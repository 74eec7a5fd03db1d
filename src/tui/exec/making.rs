//! A cell on its way: made in a task of its own, so that nobody has to wait for the engine who does not want to.

use tokio::sync::oneshot;

use crate::engine::CellName;
use crate::plan::{self, CellPlace, CellPlan};
use crate::specimen::Specimen;
use crate::supervise::{Cell, Site, StartError};

/// A cell that stands, or will.
#[allow(clippy::large_enum_variant, reason = "there are one or two of it")]
pub(super) enum Coming {
    /// It is being made.
    Making(Making),
    /// It waits.
    Ready(Cell),
}

impl Coming {
    /// The cell, once it is made.
    ///
    /// # Errors
    /// When it could not be made.
    pub(super) async fn made(self) -> Result<Cell, String> {
        match self {
            Self::Making(mut making) => making.made().await,
            Self::Ready(cell) => Ok(cell),
        }
    }
}

/// A cell that is being made. Where this is dropped, the making goes on to its end, and the cell is then removed.
pub(super) struct Making {
    cell: oneshot::Receiver<Result<Cell, StartError>>,
    plan: CellPlan,
    specimen: Specimen,
}

impl Making {
    /// Begins to make one.
    pub(super) fn begin(site: Site, plan: CellPlan, specimen: Specimen) -> Self {
        let (made, cell) = oneshot::channel();
        let (first, placed) = (plan.clone(), specimen.clone());
        tokio::spawn(async move {
            if let Err(Ok(unwanted)) = made.send(Cell::make(site, first, &placed).await) {
                discard(unwanted).await;
            }
        });
        Self { cell, plan, specimen }
    }

    /// Takes over another plan for the same engine, where it asks for the same container: as [`Cell::adopt`].
    ///
    /// # Errors
    /// The plan, where it needs a container of its own.
    pub(super) fn adopt(&mut self, plan: CellPlan, specimen: &Specimen) -> Result<(), Box<CellPlan>> {
        // Two plans that ask for the same at one place do so at any.
        let name = CellName(String::new());
        let place = CellPlace { name: &name, owner: "", cell_dir: "".into(), sandbox: "".into() };
        let asked = self.plan.spec(&place, Some(plan::argv(&self.specimen)));
        if !plan.fits(&self.plan, &asked, &place, plan::argv(specimen)) {
            return Err(Box::new(plan));
        }
        (self.plan, self.specimen) = (plan, specimen.clone());
        Ok(())
    }

    /// Waits for the cell, which is given once; it can be dropped before at any time.
    ///
    /// # Errors
    /// When it could not be made.
    pub(super) async fn made(&mut self) -> Result<Cell, String> {
        let made = (&mut self.cell).await.map_err(|_| "a part of hotcell panicked over the making of the cell")?;
        let mut cell = made.map_err(|error| error.to_string())?;
        if cell.adopt(self.plan.clone(), &self.specimen).is_ok() {
            return Ok(cell);
        }
        remove(cell);
        Err("the cell is not the one that its plan asks for".to_owned())
    }
}

impl Drop for Making {
    fn drop(&mut self) {
        self.cell.close();
        // It may have been made just before.
        if let Ok(Ok(cell)) = self.cell.try_recv() {
            remove(cell);
        }
    }
}

/// Removes a cell that stands or will, and waits for that.
pub(super) async fn gone(cell: Coming) {
    if let Ok(cell) = cell.made().await {
        discard(cell).await;
    }
}

/// Removes a cell that nobody needs, without anybody waiting for it.
pub(super) fn remove(cell: Cell) {
    tokio::spawn(discard(cell));
}

async fn discard(cell: Cell) {
    // What the engine cannot remove is the reaper's.
    let _ = cell.discard().await;
}
