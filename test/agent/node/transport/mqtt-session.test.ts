import { describeSurvival } from './mqtt-survival.js';
import { describeTls } from './mqtt-tls.js';
import { EMBEDDED } from './test-broker.js';

describeSurvival(EMBEDDED);
describeTls(EMBEDDED);
