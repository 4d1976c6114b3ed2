import { expect, test } from 'vitest'
import { parseOptions } from './options.ts'

test('without options it is five nodes, up until Ctrl-C, in .teapot', () => {
  expect(parseOptions([], '/home/me/teapot')).toEqual({
    nodes: 5,
    once: false,
    json: false,
    fresh: false,
    help: false,
    folder: '/home/me/teapot/.teapot',
  })
})

test('options are read', () => {
  const options = parseOptions(['--once', '--json', '--nodes', '7', '--fresh', '--folder', '/tmp/x'])
  expect(options).toEqual({ nodes: 7, once: true, json: true, fresh: true, help: false, folder: '/tmp/x' })
})

test('a siege has seven nodes, lasts 20 epochs, and keeps nothing', () => {
  const siege = {
    nodes: 7,
    once: true,
    json: false,
    fresh: true,
    help: false,
    folder: '/home/me/.teapot-siege',
    siege: 20,
  }
  expect(parseOptions(['siege'], '/home/me')).toEqual(siege)
  const asked = ['siege', '--nodes', '9', '--epochs', '30', '--json', '--folder', '/tmp/x']
  expect(parseOptions(asked)).toEqual({ ...siege, nodes: 9, json: true, folder: '/tmp/x', siege: 30 })
})

test.each([
  [['siege', '--nodes', '6']],
  [['siege', '--epochs', '0']],
  [['siege', '--epochs', 'many']],
  [['--epochs', '20']],
  [['--json', 'siege']],
  [['--nodes', '3']],
  [['--nodes', 'many']],
  [['--nodes', '4.5']],
  [['--nodes']],
  [['--cheat']],
  [['extra']],
])('bad options are refused: %j', (argv) => {
  expect(() => parseOptions(argv)).toThrow(expect.objectContaining({ code: 'devnet/bad-option' }))
})
