import type { JsonValue } from '../cli/outcome.js';
import type { Counterexample, ExploreReport, TraceBoot, TraceSlot } from './explore-report.js';

type JsonObject = Readonly<Record<string, JsonValue>>;

/** An exploration for programs. What is not there is null. */
export function explorationToJson(report: ExploreReport): JsonObject {
  const { settings, invariants, counterexample } = report;
  return {
    settings: { ...settings, tears: [...settings.tears] },
    drained: report.drained,
    stoppedBy: report.stoppedBy ?? null,
    states: report.states,
    edges: report.edges,
    merged: report.merged,
    deepestNewCut: report.deepestNewCut,
    boots: report.boots,
    sharedBoots: report.sharedBoots,
    bootsToSettle: report.bootsToSettle,
    seconds: report.seconds,
    peakMemoryBytes: report.peakMemoryBytes,
    invariants: Object.fromEntries(invariants.map(({ name, violations }) => [name, violations])),
    counterexample: counterexample === undefined ? null : counterexampleToJson(counterexample),
  };
}

/** The way to a finding for programs. */
export function counterexampleToJson(found: Counterexample): JsonObject {
  return { ...found, start: found.start.map(slotToJson), boots: found.boots.map(bootToJson) };
}

function bootToJson(boot: TraceBoot): JsonObject {
  return {
    ...boot,
    log: [...boot.log],
    readAtLastCut: boot.readAtLastCut ?? null,
    ran: boot.ran ?? null,
    choice: boot.choice ?? null,
    tear: boot.tear ?? null,
    lastOperations: boot.lastOperations.map((operation) => ({ ...operation })),
    slots: boot.slots.map(slotToJson),
  };
}

function slotToJson({ name, sectors, trailer }: TraceSlot): JsonObject {
  return {
    name,
    sectors: sectors.map((sector) => ({
      ...sector,
      image: sector.image ?? null,
      imageSector: sector.imageSector ?? null,
    })),
    trailer: { ...trailer, statusEntries: trailer.statusEntries ?? null },
  };
}
