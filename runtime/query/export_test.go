package query

// RaceEnabled says whether the race detector slows the tests down.
const RaceEnabled = raceEnabled
