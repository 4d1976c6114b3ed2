import { TeapotError } from '@teapot-network/trust'
import type { Route } from './manifests.ts'

/** Finds the actor that answers a request to an app. @throws TeapotError `serve/no-such-route`, `serve/method-not-allowed` */
export function createAppRoutes(routes: () => readonly Route[]): (app: string, path: string, method: string) => string {
  return (app, path, method) => {
    const route = findRoute(routes(), app, path)
    if (route === undefined)
      throw new TeapotError(
        'serve/no-such-route',
        `Cannot find ${path.slice(0, 80)} of app ${app}: no manifest here has that route`,
      )
    const allowed: readonly string[] = route.methods
    if (allowed.length === 0 || allowed.includes(method)) return route.actor
    throw new TeapotError(
      'serve/method-not-allowed',
      `Cannot ${method} ${path.slice(0, 80)}: expected ${allowed.join(' or ')} as the manifest of ${app} says`,
    )
  }
}

/** The route of an app whose path is the longest that `path` lies at or below; the caller looks at its methods. */
export function findRoute(routes: readonly Route[], app: string, path: string): Route | undefined {
  return routes
    .filter((route) => route.app === app && isBelow(path, route.path))
    .sort((a, b) => b.path.length - a.path.length)[0]
}

function isBelow(path: string, prefix: string): boolean {
  return prefix === '/' || path === prefix || path.startsWith(`${prefix}/`)
}
