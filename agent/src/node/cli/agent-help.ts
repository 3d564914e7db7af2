/** What `brickproof-agent --help` prints. */
export const AGENT_HELP = `Usage: brickproof-agent [verb] --config device.yaml

The update agent of a small Linux device: it takes firmware over SMP (serial, MQTT, UDP),
verifies it, tries it, and confirms it or lets the device go back.

Verbs:
  run        chooses the slot of this boot and serves until it is stopped (the default)
  check      says whether the configuration and everything it names can be used
  slot       prints where the image of this boot lies, for a shell to take in
  provision  puts the first image into slot 0, and makes the slot files

Options:
  -c, --config FILE  the configuration (default: /etc/brickproof/device.yaml)
      --image FILE   provision: the image, signed with one of the trusted keys
      --force        provision: write over images that are there
  -h, --help         this text
  -V, --version      the agent's version

Exit statuses:
   0  stopped as it was asked to        12  a slot cannot be used
   1  a mistake of the agent's own      13  the store is damaged
   2  wrong usage                       14  the store is of a newer agent
  10  the configuration is wrong        15  the store cannot be used
  11  a key cannot be used              16  no slot holds an image that may run
  17  the image to provision was refused
  18  the choice of a slot cannot be noted; worth another try
  19  slot: none has been chosen in this boot

A broker, a serial port or a UDP port that is not there is waited for.

Example:
  $ brickproof-agent provision --config device.yaml --image firmware-1.0.0.bin
  $ brickproof-agent --config device.yaml`;
