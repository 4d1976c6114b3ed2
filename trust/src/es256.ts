export { verifyEs256 } from '#es256'
