export { openPty, PTY_PENDING_BYTES_MAX } from './board/pty.js';
export type { Pty } from './board/pty.js';
export { startEmbeddedBroker } from './target/embedded-broker.js';
export type {
  EmbeddedBroker,
  EmbeddedBrokerOptions,
  EmbeddedBrokerTls,
} from './target/embedded-broker.js';
export { formatTarget, parseTarget } from './target/target.js';
export type { TargetSpec } from './target/target.js';
export { SERIAL_BAUD_RATE_DEFAULT, SERIAL_RECONNECT_MS_DEFAULT } from './target/serial-spec.js';
export type { SerialSpec } from './target/serial-spec.js';
export { findPortHolder } from './target/port-holder.js';
export type { PortHolder } from './target/port-holder.js';
export { WIRE_PENDING_BYTES_MAX } from './target/serial-wire.js';

export { openTarget } from './target/open-target.js';
export type { OpenTargetOptions } from './target/open-target.js';
export { connectSimBoard } from './target/sim-target.js';
export type { SimBoard, SimBoardFactory } from './target/sim-target.js';
export { MQTT_PREFIX_DEFAULT } from './target/mqtt-access.js';
export type { MqttAccess, MqttTargetOptions } from './target/mqtt-access.js';
export { CONNECT_TIMEOUT_MS_DEFAULT } from './target/smp-connection.js';
export type {
  ConnectionClose,
  ConnectionCloseCode,
  ConnectionListener,
  OpenOptions,
  SmpConnection,
  TargetRejectCode,
} from './target/smp-connection.js';

export { SmpClient } from './client/smp-client.js';
export type { SmpClientOptions } from './client/smp-client.js';
export type { SmpClientRejectCode, SmpFailure, SmpResult } from './client/smp-result.js';
export type { ImageEntry, SlotEntry } from './client/image-entries.js';
export type { LastUpdate } from './client/last-update.js';
export type { BootloaderInfo, ResetOptions, SmpParams } from './client/os-answers.js';
export { UPLOAD_RESTARTS_MAX, UPLOAD_STALLS_MAX } from './client/image-upload.js';
export { UPLOAD_MESSAGE_BYTES_DEFAULT, UPLOAD_WINDOW_MAX } from './client/upload-pace.js';
export type {
  ImageUploadOptions,
  ImageUploadProgress,
  ImageUploadReport,
} from './client/image-upload.js';
export { SMP_RETRIES_DEFAULT, SMP_TIMEOUT_MS_DEFAULT } from './client/request-channel.js';
export type { RequestStatistics, SmpRequest } from './client/request-channel.js';
export { loadSigningKey } from './release/signing-key.js';

export { BoardHost } from './board/board-host.js';
export { DEVICE_MODELS, DEVICE_MODEL_NAMES } from './board/device-model.js';
export type { DeviceModel, DeviceModelName } from './board/device-model.js';
export { builtInBoard, checkBoardStore, checkBoardStrategy } from './board/board-definition.js';
export type {
  BoardDefinition,
  BoardRejectCode,
  FactoryCounters,
} from './board/board-definition.js';
export { readBoardConfig } from './board/board-config.js';
export type { ReadBoardConfig } from './board/board-config.js';
export { countersPath, readFlashDump, saveFlashDump } from './board/flash-dump-file.js';
export type { DumpRejectCode, FlashDump } from './board/flash-dump-file.js';
export { looksLikeIntelHex, readIntelHex } from './board/intel-hex.js';
export type { HexContents, HexFlash } from './board/intel-hex.js';
export { boardJsonSchema } from './board/board-config-schema.js';
export { bootLayoutOf, flashMapOf, provisionFlash } from './board/provision.js';
export type { BoardBootSettings } from './board/provision.js';
export { serveOnMqtt } from './board/serve-mqtt.js';
export type { ServeMqttOptions, ServedMqtt } from './board/serve-mqtt.js';
export { serveOnPty, serveOnTcp } from './board/serve-uart.js';
export type { ServedUart } from './board/serve-uart.js';
export { VirtualBoard, WATCHDOG_TIMEOUT_MS } from './board/virtual-board.js';
export type {
  BoardListener,
  BoardNetwork,
  BoardPower,
  BoardState,
  ResetCause,
  VirtualBoardOptions,
} from './board/board-options.js';
export { VirtualClock } from './board/virtual-clock.js';
export { startBoardSession } from './board/board-session.js';
export type { BoardSession, BoardSessionOptions, ServedBoard } from './board/board-session.js';
export { LINE_PENDING_BYTES_MAX, LineDirection } from './bench/line-direction.js';
export type { LineUsage } from './bench/line-direction.js';

export {
  createHostCrypto,
  formatSize,
  loadVerificationKey,
  parseSize,
} from '@brickproof/agent/node';
export { DemoReport } from './demo/demo-report.js';
export type { DemoClaim, DemoWriter } from './demo/demo-report.js';

export { formatEffect, parseEraseEffect, parseWriteEffect } from './fault/effect-text.js';
export { readFaultFlag } from './fault/fault-flag.js';
export type { FaultFlag } from './fault/fault-flag.js';
export type { FaultDocument } from './fault/fault-schema.js';
export { readFault } from './fault/read-fault.js';
export type { FaultRejectCode } from './fault/read-fault.js';
export { describeStrike } from './fault/strike-text.js';
export { summarizeWear, wearOf, wearRows } from './fault/wear.js';
export type { AreaWear } from './fault/wear.js';

export { boardCapacities } from './board/board-capacity.js';
export type { StrategyCapacity } from './board/board-capacity.js';
export { rehearseBoot } from './board/rehearse-boot.js';
export type { BootLogLine, BootTrust, NextBoot } from './board/rehearse-boot.js';
export { explorationToJson } from './explore/explore-json.js';
export { formatExplorePage } from './explore/explore-page.js';
export type {
  Counterexample,
  ExploreReport,
  ExploreSettings,
  InvariantCount,
  InvariantName,
  TraceBoot,
  TraceOperation,
  TraceSector,
  TraceSlot,
} from './explore/explore-report.js';
export { formatExploration } from './explore/explore-text.js';
export { runExploration } from './explore/run-exploration.js';
export type {
  ExplorationProgress,
  ExplorationRequest,
  ExplorationTools,
} from './explore/run-exploration.js';
export { SCENE_NAMES } from './explore/scene-catalog.js';
export type { SceneName } from './explore/scene-catalog.js';
export type { SceneGeometryOptions, SceneRejectCode } from './explore/scene-geometry.js';
export type { TearKind } from './explore/tears.js';
export { flashToJson } from './report/flash-json.js';
export { reportFlash } from './report/flash-report.js';
export type { FlashReport, FlashToShow } from './report/flash-report.js';
export { formatFlash } from './report/flash-text.js';
export { formatHtml } from './report/html.js';
export { COLOURED, PLAIN, paintFor } from './report/paint.js';
export type { Paint } from './report/paint.js';
export { formatJunit } from './report/junit.js';
export { escapeMarkup, markup } from './report/markup.js';
export type { Markup, MarkupValue } from './report/markup.js';
export type { ReportedFailure, ReportedRun, RunReport, RunVerdict } from './report/run-report.js';
export { openBoardLink } from './scenario/board-link.js';
export type { BoardLink } from './scenario/board-link.js';
export { startBrokerProxy } from './scenario/broker-proxy.js';
export type { BrokerProxy } from './scenario/broker-proxy.js';
export { ConsoleLog } from './scenario/console-log.js';
export {
  SCENARIOS_FOLDER,
  SCENARIO_FILES_MAX,
  builtinScenarioFiles,
  loadScenarios,
} from './scenario/load-scenarios.js';
export { RUNS_MAX, planRuns } from './scenario/plan-runs.js';
export type { RunFilter, RunPlan } from './scenario/plan-runs.js';
export { readScenario } from './scenario/read-scenario.js';
export type { ReadScenario } from './scenario/read-scenario.js';
export { REFUSAL_CODES, isRefusal, nameRefusal } from './scenario/refusal-code.js';
export { runAll } from './scenario/run-all.js';
export type { RunAllOptions } from './scenario/run-all.js';
export { STEPS_MAX, scenarioJsonSchema } from './scenario/scenario-schema.js';
export { formatScenarioProblem } from './scenario/scenario.js';
export type { Scenario, ScenarioProblem } from './scenario/scenario.js';
export type { ScenarioRun } from './scenario/scenario-run.js';
