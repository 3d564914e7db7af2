import type { TrailerDescription } from '@brickproof/bootloader-sim';

/** A trailer as rows of a table: its flags in one, and what a swap notes beside them. */
export function trailerRows(trailer: TrailerDescription): readonly (readonly string[])[] {
  if (trailer.isErased) return [['trailer', 'erased']];
  const { swapSizeBytes, unprotectedTlvSizes, contentKeys, statusEntries } = trailer;
  const flags = [
    `magic ${magicWords(trailer)}`,
    `image-ok ${trailer.imageOk}`,
    `copy-done ${trailer.copyDone}`,
    `swap-info ${swapInfoWords(trailer)}`,
  ];
  const rows: (readonly string[])[] = [['trailer', flags.join(', ')]];
  if (swapSizeBytes !== undefined) rows.push(['swap size', `${swapSizeBytes} bytes`]);
  if (unprotectedTlvSizes !== undefined) {
    const { primary, secondary } = unprotectedTlvSizes;
    rows.push(['TLV sizes', `${primary} and ${secondary} bytes, unprotected`]);
  }
  if (contentKeys.length > 0) rows.push(['content keys', contentKeys.join(', ')]);
  if (statusEntries !== undefined) {
    rows.push([
      'swap status',
      `${statusEntries.written} of ${statusEntries.count} entries written`,
    ]);
  }
  return rows;
}

function magicWords({ magic, foreignAlignBytes }: TrailerDescription): string {
  return foreignAlignBytes === undefined
    ? magic
    : `bad (MCUboot's for a write alignment of ${foreignAlignBytes})`;
}

function swapInfoWords({ swapInfo, swapType, imageNumber }: TrailerDescription): string {
  return swapInfo === 'set' ? `${swapType} of image ${imageNumber}` : swapInfo;
}
