export { digestOf, sha256 } from '#sha256'
