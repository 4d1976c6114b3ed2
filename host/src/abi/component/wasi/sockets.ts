import { type HostInterface, WASI_0_2 } from '../host-interface.ts'
import { refuse } from '../refusal.ts'
import type { World } from '../world.ts'

/** No socket is ever made: these classes have no instances, and what makes one answers `access-denied`. */
class Network {}
class TcpSocket {}
class UdpSocket {}
class IncomingDatagramStream {}
class OutgoingDatagramStream {}
class ResolveAddressStream {}

/** What answers `error-code::access-denied`. */
const denied = (world: World) => (): never => {
  world.charge()
  return refuse('access-denied')
}

/** `wasi:sockets` 0.2, for programs that link it. The network is reached by capabilities alone. */
export const SOCKET_INTERFACES: Readonly<Record<string, HostInterface>> = {
  'wasi:sockets/network': { versions: WASI_0_2, create: () => ({ Network }) },
  'wasi:sockets/instance-network': {
    versions: WASI_0_2,
    create: (world) => ({
      // instance-network: func() -> network
      instanceNetwork(): Network {
        world.charge()
        return new Network()
      },
    }),
  },
  'wasi:sockets/ip-name-lookup': {
    versions: WASI_0_2,
    // resolve-addresses: func(network: borrow<network>, name: string) -> result<resolve-address-stream, error-code>
    create: (world) => ({ ResolveAddressStream, resolveAddresses: denied(world) }),
  },
  'wasi:sockets/tcp': { versions: WASI_0_2, create: () => ({ TcpSocket }) },
  'wasi:sockets/udp': {
    versions: WASI_0_2,
    create: () => ({ UdpSocket, IncomingDatagramStream, OutgoingDatagramStream }),
  },
  'wasi:sockets/tcp-create-socket': {
    versions: WASI_0_2,
    // create-tcp-socket: func(address-family: ip-address-family) -> result<tcp-socket, error-code>
    create: (world) => ({ createTcpSocket: denied(world) }),
  },
  'wasi:sockets/udp-create-socket': {
    versions: WASI_0_2,
    // create-udp-socket: func(address-family: ip-address-family) -> result<udp-socket, error-code>
    create: (world) => ({ createUdpSocket: denied(world) }),
  },
}
