/** The longest text that Zephyr's datetime command takes. */
export const DATETIME_TEXT_MAX = 25;

const PATTERN =
  /^(\d{4})-(\d{2})-(\d{2})[T ](\d{2}):(\d{2}):(\d{2})(?:\.\d{1,6})?(?:Z|[+-]\d{2}:?\d{2})?$/;

/**
 * Milliseconds since 1970 of a text such as `2026-01-31T12:00:00`. Fractions of a second and time
 * zones are passed over, as Zephyr does. Undefined for what is not such a text, or not a date.
 */
export function parseDatetime(text: string): number | undefined {
  if (text.length > DATETIME_TEXT_MAX) return undefined;
  const fields = PATTERN.exec(text)?.slice(1).map(Number);
  if (fields === undefined) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = fields;
  if (year < 1970) return undefined;
  const ms = Date.UTC(year, month - 1, day, hour, minute, second);
  // A field beyond its range would have moved into the next one.
  return formatDatetime(ms) === `${text.slice(0, 10)}T${text.slice(11, 19)}` ? ms : undefined;
}

/** `2026-01-31T12:00:00`, in UTC. */
export function formatDatetime(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19);
}
