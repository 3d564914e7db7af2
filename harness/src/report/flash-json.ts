import {
  formatImageVersion,
  readTlvValue,
  type BootOutcome,
  type DescribedSlot,
  type ImageDescription,
  type TrailerDescription,
  type Verdict,
} from '@brickproof/bootloader-sim';
import type { NextBoot } from '../board/rehearse-boot.js';
import type { JsonValue } from '../cli/outcome.js';
import type { AreaUse } from './area-use.js';
import type { FlashReport, KnownKey } from './flash-report.js';
import { imageFlagNames } from './image-flags.js';
import { outcomeSentences, requestSentence } from './next-boot-words.js';
import { slotAreas, swapSentences } from './swap-words.js';
import { tlvWords } from './tlv-words.js';

type JsonObject = Readonly<Record<string, JsonValue>>;

/** A flash for programs: all that people see, and whole values where they see the beginning. */
export function flashToJson(report: FlashReport): JsonObject {
  const { board, counters, unbuildable, flash, next } = report;
  const { name, geometry } = board.model;
  return {
    board: {
      name,
      strategy: board.strategy,
      sizeBytes: geometry.sizeBytes,
      writeAlignBytes: geometry.writeAlignBytes,
      erasedValue: geometry.erasedValue,
    },
    counters: counters ?? null,
    unbuildable: unbuildable ?? null,
    areas: report.areas.map(areaToJson),
    images: flash.images.map((image, index) => imageToJson(report, image, index)),
    scratch: flash.scratch === undefined ? null : trailerToJson(flash.scratch),
    nextBoot: next === undefined ? null : nextBootToJson(report, next),
  };
}

function areaToJson({ name, offset, sizeBytes, sectors }: AreaUse): JsonValue {
  return {
    name: name ?? null,
    offset,
    sizeBytes,
    sectors: sectors.map((sector) => ({ ...sector })),
  };
}

function imageToJson(report: FlashReport, image: ImageDescription, index: number): JsonValue {
  const areas = slotAreas(index);
  const { strategy } = report.board;
  const { swap } = image;
  return {
    request: image.request ?? null,
    slots: image.slots.map((slot, at) => ({
      area: at === 0 ? areas.primary : areas.secondary,
      ...slotToJson(slot, report.keys),
    })),
    swap:
      swap === undefined
        ? null
        : {
            ...swap,
            movedUp: swap.movedUp ?? null,
            headerPlaces: swap.headerPlaces.map((place) => ({ ...place })),
            sentences: swapSentences(strategy, swap, areas),
          },
  };
}

function slotToJson(slot: DescribedSlot, keys: readonly KnownKey[]): JsonObject {
  const { header, verified } = slot;
  const key = verified?.ok === true ? verified.value.keyIndex : undefined;
  return {
    isEmpty: slot.isEmpty,
    imageOffset: slot.imageOffset,
    header: header.ok
      ? {
          version: formatImageVersion(header.value.version),
          headerSizeBytes: header.value.headerSizeBytes,
          protectedTlvSizeBytes: header.value.protectedTlvSizeBytes,
          bodySizeBytes: header.value.bodySizeBytes,
          loadAddress: header.value.loadAddress,
          flags: imageFlagNames(header.value),
        }
      : { code: header.code, detail: header.detail },
    tlvs: tlvsToJson(slot),
    verified: verified === undefined ? null : verified.ok,
    refusal:
      verified === undefined || verified.ok
        ? null
        : { code: verified.code, detail: verified.detail },
    key: key === undefined ? null : (keys[key]?.name ?? null),
    trailer: trailerToJson(slot.trailer),
  };
}

function tlvsToJson({ tlvs, source }: DescribedSlot): JsonValue {
  if (tlvs === undefined) return null;
  if (!tlvs.ok) return { code: tlvs.code, detail: tlvs.detail };
  return tlvs.value.entries.map((entry) => ({
    type: entry.type,
    name: tlvWords(entry.type),
    protected: entry.protected,
    value: Buffer.from(readTlvValue(source, entry)).toString('hex'),
  }));
}

function trailerToJson(trailer: TrailerDescription): JsonValue {
  const { unprotectedTlvSizes, statusEntries } = trailer;
  return {
    ...trailer,
    foreignAlignBytes: trailer.foreignAlignBytes ?? null,
    swapSizeBytes: trailer.swapSizeBytes ?? null,
    unprotectedTlvSizes: unprotectedTlvSizes === undefined ? null : { ...unprotectedTlvSizes },
    statusEntries: statusEntries === undefined ? null : { ...statusEntries },
  };
}

function nextBootToJson(report: FlashReport, next: NextBoot): JsonValue {
  const { strategy } = report.board;
  const { booted, unconfirmed, erases, writes, isTrial, isConfirmed } = next;
  const requests = report.flash.images.map((image, index) => {
    return requestSentence(strategy, image, slotAreas(index));
  });
  return {
    requests,
    outcome: outcomeSentences(next),
    boots: bootsToJson(booted),
    bootsUnconfirmed: unconfirmed === undefined ? null : bootsToJson(unconfirmed),
    refusal: booted.ok ? null : { code: booted.code, detail: booted.detail },
    isTrial,
    isConfirmed,
    erases,
    writes,
    log: next.log.map((line) => ({ ...line })),
  };
}

/** Each image of the board with its slot; null where nothing may run. */
function bootsToJson(booted: Verdict<BootOutcome>): JsonValue {
  if (!booted.ok) return null;
  return [booted.value, ...booted.value.others].map(({ slot, image }) => {
    return { slot, version: formatImageVersion(image.header.version) };
  });
}
