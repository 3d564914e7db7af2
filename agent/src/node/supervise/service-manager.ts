import { spawn } from 'node:child_process';
import type { DaemonLog } from '../daemon/daemon-log.js';

/** The service manager that started the daemon, as far as it wants to be told anything. */
export interface ServiceManager {
  /** The daemon does its work from now on. */
  ready(status: string): void;
  /** The daemon is about to end. */
  stopping(): void;
  /** To be called as often as the daemon shows that it lives; tells the manager often enough. */
  alive(): void;
  /** How often `alive` is to be called at least; undefined when nobody waits for it. */
  readonly aliveEveryMs: number | undefined;
}

/** Part of the watchdog's time between two signs of life (sd_watchdog_enabled(3): half). */
const WATCHDOG_SHARE = 0.5;
/** Calls of `alive` for each sign, so that one that comes a little early costs no whole turn. */
const CALLS_PER_SIGN = 2;
/** A watchdog that is shorter than makes sense does not keep the device busy. */
const ALIVE_EVERY_MS_MIN = 100;
const NOTIFY_PROGRAM = 'systemd-notify';
const US_PER_MS = 1_000;

/** What is found in the environment of a service. */
export interface ServiceEnvironment {
  readonly NOTIFY_SOCKET?: string | undefined;
  readonly WATCHDOG_USEC?: string | undefined;
  readonly WATCHDOG_PID?: string | undefined;
}

/** What the manager's messages need of the machine. */
export interface ServiceManagerOptions {
  readonly environment: ServiceEnvironment;
  readonly processId: number;
  readonly log: DaemonLog;
  nowMs(): number;
}

/**
 * Speaks sd_notify(3) through systemd's own program, since Node has no datagram sockets in the
 * file system: the unit needs `NotifyAccess=all`. Without a service manager it does nothing.
 */
export function createServiceManager(options: ServiceManagerOptions): ServiceManager {
  const { environment, log } = options;
  if (environment.NOTIFY_SOCKET === undefined || environment.NOTIFY_SOCKET === '') return NOBODY;
  const notify = (...messages: readonly string[]): void => {
    const notTold = (error: unknown): void => {
      const why = error instanceof Error ? error.message : String(error);
      log.write('warning', `The service manager cannot be told: ${why}`);
    };
    try {
      spawn(NOTIFY_PROGRAM, [...messages], { stdio: 'ignore' })
        .on('error', notTold)
        .unref();
    } catch (error) {
      // Node throws for some reasons why a program cannot start, and tells others by an event.
      notTold(error);
    }
  };
  const intervalMs = watchdogIntervalMs(options);
  let lastSignMs = options.nowMs();
  return {
    ready: (status) => {
      lastSignMs = options.nowMs();
      notify('READY=1', `STATUS=${status}`);
    },
    stopping: () => {
      notify('STOPPING=1');
    },
    alive: () => {
      if (intervalMs === undefined || options.nowMs() - lastSignMs < intervalMs) return;
      lastSignMs = options.nowMs();
      notify('WATCHDOG=1');
    },
    aliveEveryMs:
      intervalMs === undefined
        ? undefined
        : Math.max(intervalMs / CALLS_PER_SIGN, ALIVE_EVERY_MS_MIN),
  };
}

function watchdogIntervalMs(options: ServiceManagerOptions): number | undefined {
  const { WATCHDOG_USEC: time, WATCHDOG_PID: pid } = options.environment;
  if (pid !== undefined && pid !== '' && Number(pid) !== options.processId) return undefined;
  const timeoutMs = Number(time) / US_PER_MS;
  return timeoutMs > 0 ? timeoutMs * WATCHDOG_SHARE : undefined;
}

const NOBODY: ServiceManager = {
  ready: () => undefined,
  stopping: () => undefined,
  alive: () => undefined,
  aliveEveryMs: undefined,
};
