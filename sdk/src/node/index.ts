export { type Deployment, parseDeployment } from '@teapot-network/ledger'
export { type ConnectOptions, connect } from './connect.ts'
export { type Committee, createCommittee, createPublisher, type Publisher, type PublisherOptions } from './publisher.ts'
