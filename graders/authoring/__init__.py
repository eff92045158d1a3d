"""The author's side of an assignment: rehearsal, calibration and handing out. It marks no submission."""
