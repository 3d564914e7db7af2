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
