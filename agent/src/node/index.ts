export {
  YAML_CHARACTERS_MAX,
  YAML_PROBLEMS_MAX,
  formatProblem,
  readYamlDocument,
} from './config/yaml-document.js';
export type {
  CheckedDocument,
  DocumentPath,
  DocumentPlace,
  DocumentProblem,
  FaultyDocument,
} from './config/yaml-document.js';
export { parseDuration } from './config/duration.js';
export { formatSize, parseSize } from './config/size.js';
export { createHostCrypto } from './crypto/host-crypto.js';
export {
  PEM_LENGTH_MAX,
  loadVerificationKey,
  verificationKeyOf,
} from './crypto/verification-key.js';
